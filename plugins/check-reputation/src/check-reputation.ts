/** The plugin: how somebody behaved weighs a little in what is thought of their next message. */
import {
  Clock,
  Counters,
  definePlugin,
  type Finding,
  isStranger,
  MailboxStore,
  type Message,
  type MessageScore,
  messageAuthentication,
  messageScore,
  optional,
  pendingAuthentication,
  type RefusedEvent,
  type Stateful,
} from '@postroad/core';
import { combine, markOf } from './combine.js';
import { reputationCommands, reputationControls } from './commands.js';
import { clientIdentities, type Identity, provenIdentities } from './identities.js';
import { learnMove } from './learn-move.js';
import { Memory } from './memory.js';
import { type CheckReputationConfig, config } from './options.js';

const source = 'check-reputation';

/** See the README. */
export const checkReputation = definePlugin({
  name: source,
  description: 'Remembers how those behaved who send to us, and lets it weigh.',
  config,
  needs: { counters: Counters, clock: Clock, mailboxes: optional(MailboxStore) },
  commands: reputationCommands,
  setup({ config, services, listener, log, metrics, tap, control }) {
    const memory = new Memory({ ...services, config });
    const isJudged = ({ transaction: { connection } }: Message) =>
      config.who === 'all' || isStranger(connection);
    const learnt = (from: string, amount = 1) =>
      metrics
        .counter('postroad_reputation_lessons_total', 'What reputations were learnt from', { from })
        .increase(amount);

    tap(
      'inspect',
      async (message) => {
        if (!isJudged(message)) return undefined;
        const identities = identitiesOf(message, await message.get(pendingAuthentication), config);
        const reputations = await Promise.all(identities.map((one) => memory.reputation(one)));
        const known = identities.map(({ kind }, at) => ({ kind, seen: 0, value: 0, ...reputations[at] }));
        return findingOf(combine(known, config), known, config);
      },
      { after: ['check-auth'], onError: config.onError, timeoutMs: 60_000, description: describe(config) },
    );

    tap('accepted', async (message) => {
      if (!isJudged(message) || message.transaction.connection.isTrial) return;
      const identities = identitiesOf(message, message.get(messageAuthentication), config);
      if (identities.length === 0) return;
      await memory.add(identities, markOf(pointsOf(message), config.spamAt), 1);
      if (services.mailboxes !== undefined && config.moveWeight > 0)
        await memory.keep(message.id, { identities });
      learnt('accepted');
    });

    tap('refused', async (event) => {
      const { connection, transaction } = event;
      if (!isLesson(event) || (config.who === 'strangers' && !isStranger(connection)) || connection.isTrial)
        return;
      const client = clientIdentities(connection, config.networkBits);
      if (event.at !== 'message' || transaction === undefined) {
        await memory.add(client, 1, config.refusalWeight);
        learnt('refused');
        return;
      }
      const found = transaction.get(messageAuthentication);
      const proven = found === undefined ? [] : provenIdentities(found, transaction.reversePath);
      // What refused for its sum is taken at its sum without our own part of it: others refuse because they know.
      const isSum = transaction.get(messageScore) !== undefined && event.by === 'check-score';
      await memory.add([...client, ...proven], isSum ? markOf(pointsOf(transaction), config.spamAt) : 1, 1);
      learnt('refused message');
    });

    for (const [name, handler] of Object.entries(reputationControls(memory, config))) control(name, handler);
    // These concern the whole server, so a listener's own plugins can't tap them.
    const { mailboxes } = services;
    if (listener !== undefined || mailboxes === undefined || config.moveWeight === 0) return;
    tap('refiled', async (event) => {
      const moved = await learnMove(event, mailboxes, memory, config);
      if (moved.messages === 0) return;
      learnt('moved', moved.messages);
      log.info('reputations learnt from a move', { account: event.accountId, ...moved });
    });
  },
});

function identitiesOf(
  message: Message,
  found: Parameters<typeof provenIdentities>[0] | undefined,
  { networkBits }: CheckReputationConfig,
): readonly Identity[] {
  const { connection, reversePath } = message.transaction;
  const proven = found === undefined ? [] : provenIdentities(found, reversePath);
  return [...clientIdentities(connection, networkBits), ...proven];
}

/** The sum of all others: one that learnt from itself would never forget. */
function pointsOf(of: Stateful): number {
  const { score = 0, terms = [] }: Partial<MessageScore> = of.get(messageScore) ?? {};
  const own = terms.filter(({ name }) => name.startsWith(`${source}/`));
  return score - own.reduce((sum, { points }) => sum + points, 0);
}

/** Refusals for good by a check say something of the client; those of the core, of routing and of limits do not. */
function isLesson({ by, reply }: RefusedEvent): boolean {
  return reply.code >= 500 && by !== undefined && by.startsWith('check-');
}

function findingOf(
  value: number,
  known: readonly { readonly kind: string; readonly value: number; readonly seen: number }[],
  { spamScore, hamScore }: CheckReputationConfig,
): Finding {
  const score = Math.round(Math.abs(value) * (value > 0 ? spamScore : hamScore) * 100) / 100;
  const details = known.map(({ kind, value: own, seen }) => ({ kind, value: round(own), seen: round(seen) }));
  return {
    source,
    result: score === 0 ? 'unknown' : score > 0 ? 'bad' : 'good',
    score: score === 0 ? 0 : score,
    text: details.map((one) => `${one.kind} ${one.value} of ${one.seen}`).join(', '),
    details,
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function describe({ spamScore, hamScore, halfLifeMs }: CheckReputationConfig): string {
  return `${hamScore} to ${spamScore} points by what was seen before, half of it forgotten every ${round(halfLifeMs / 86_400_000)} days`;
}
