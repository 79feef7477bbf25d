/** The plugin: addresses that turned out to be dead are not sent to any more. */
import {
  addressKey,
  type BounceClass,
  boundedCache,
  Clock,
  classifyBounce,
  definePlugin,
  formatReply,
  type ReceivedReport,
  reject,
  type SettledEvent,
} from '@postroad/core';
import { suppressionCommands } from './commands.js';
import { config, type RouteSuppressConfig } from './options.js';
import { SuppressionList } from './suppression-list.js';

/** Messages given up that are remembered by address. */
const exhaustedEntriesMax = 100_000;
const exhaustedRememberedMs = 30 * 86_400_000;

/** What is the address's own fault, and will be so tomorrow. Blocks and policy are about us, not about the address. */
const dead = new Set<BounceClass>(['address', 'domain']);

/**
 * What other servers said to ourselves counts, and reports by mail that prove by the address they came to which recipient
 * they are about.
 */
export const routeSuppress = definePlugin({
  name: 'route-suppress',
  description: 'Does not send to addresses that turned out to be dead.',
  config,
  needs: { clock: Clock },
  commands: suppressionCommands,
  setup({ config, services, log, tap, onStart }) {
    const { clock } = services;
    const list = new SuppressionList({ file: config.file, entriesMax: config.entriesMax, clock });
    const exhausted = boundedCache<string, number>({ entriesMax: exhaustedEntriesMax, clock });
    const add = async (address: string, words: string, untilMs: number): Promise<void> => {
      const reason = words.slice(0, 300);
      try {
        await list.change({ address, reason, atMs: clock.now(), untilMs });
        log.info('an address is not sent to any more', { recipient: address, reason });
      } catch (error) {
        log.error('the list of dead addresses could not be written', { file: config.file, error });
      }
    };
    onStart(() => list.start());
    tap(
      'route',
      async (_envelope, { address }) => {
        const entry = await list.find(addressKey(address));
        return entry === undefined
          ? undefined
          : reject(550, '1.1', `not sent, the address is dead: ${entry.reason}`);
      },
      { order: 'early' },
    );
    tap('settled', async (event) => {
      const key = addressKey(event.recipient.address);
      if (event.status === 'delivered') {
        exhausted.delete(key);
        return;
      }
      const untilMs = judge(event, key, config, exhausted, clock.now());
      if (untilMs === undefined || event.outcome === undefined) return;
      await add(key, formatReply(event.outcome.reply), untilMs);
    });
    tap('reported', async ({ report, provenRecipient }) => {
      // What is not proven is easily forged, and would let anybody stop mail to an address.
      if (provenRecipient === undefined) return;
      const found = judgeReport(report, config);
      if (found !== undefined)
        await add(addressKey(provenRecipient), found.reason, clock.now() + found.forMs);
    });
  },
});

/** Why and for how long a proven report puts its address on the list. */
function judgeReport(
  { recipients, complaint }: ReceivedReport,
  config: RouteSuppressConfig,
): { readonly reason: string; readonly forMs: number } | undefined {
  if (complaint !== undefined) {
    if (complaint.feedbackType === 'not-spam') return undefined;
    return { reason: `its owner complained (${complaint.feedbackType})`, forMs: config.complaintMs };
  }
  const gone = recipients.find(({ isHard, bounceClass }) => isHard && dead.has(bounceClass));
  return gone === undefined ? undefined : { reason: formatReply(gone.reply), forMs: config.addressMs };
}

/** Until when the address goes on the list; `undefined` when it does not. */
function judge(
  { outcome }: SettledEvent,
  key: string,
  config: RouteSuppressConfig,
  exhausted: { get(key: string): number | undefined; set(key: string, count: number, ttlMs: number): void },
  nowMs: number,
): number | undefined {
  // `bounced`, or `dropped` where no report may be sent: what counts is the answer.
  if (outcome === undefined) return undefined;
  if (outcome.status === 'failed') {
    // Without the words of another server it is our own judgement, and need not be about the address.
    const isDead = outcome.remote !== undefined && dead.has(classifyBounce(outcome.reply));
    return isDead ? nowMs + config.addressMs : undefined;
  }
  const count = (exhausted.get(key) ?? 0) + 1;
  exhausted.set(key, count, exhaustedRememberedMs);
  return count >= config.exhaustedMax ? nowMs + config.exhaustedMs : undefined;
}
