/** The plugin: strangers are asked to come again, which those who only send once do not. */
import {
  addressKey,
  Clock,
  type Connection,
  Counters,
  createAddressTest,
  defer,
  deferIfAccepted,
  definePlugin,
  domainKey,
  type Finding,
  isStranger,
  isVouchedFor,
  type MailAddress,
  methodResult,
  networkOf,
  notedFindings,
  plainAddress,
  type ReversePath,
} from '@postroad/core';
import { askGreylist, type Wait } from './greylist.js';
import { type CheckGreylistConfig, config } from './options.js';
import { tripletKey } from './triplet.js';

/** See the README. */
export const checkGreylist = definePlugin({
  name: 'check-greylist',
  description: 'Asks strangers to come back later, and remembers those who did.',
  config,
  needs: { counters: Counters, clock: Clock },
  setup({ config, services, tap }) {
    const mayPass = exemptions(config);
    const ask = (connection: Connection, sender: ReversePath, recipient: MailAddress) => {
      const network = networkOf(connection.remoteAddress, config.networkBits);
      const triplet = tripletKey(network, sender, recipient);
      return askGreylist({ config, ...services }, triplet, network, connection.isTrial);
    };
    const options = { onError: config.onError, timeoutMs: 10_000, description: describe(config) };
    if (config.at === 'recipient') {
      tap(
        'recipient',
        async (transaction, { address }) => {
          const { connection, reversePath } = transaction;
          if (mayPass(connection, reversePath, address, notedFindings(transaction))) return undefined;
          const wait = await ask(connection, reversePath, address);
          // Whoever refuses for good should do so at once, so others are still asked.
          return wait === undefined ? undefined : deferIfAccepted(450, '7.1', said, grounds(wait));
        },
        options,
      );
      return;
    }
    tap(
      'message',
      async (message, findings) => {
        const { connection } = message.transaction;
        const { reversePath, recipients } = message.envelope;
        const waits: Wait[] = [];
        for (const { address } of recipients) {
          const isFree = mayPass(connection, reversePath, address, findings);
          waits.push(isFree ? undefined : await ask(connection, reversePath, address));
        }
        // One answer for all: as soon as one of them need not wait, all get it.
        const longest = waits.every((wait) => wait !== undefined)
          ? waits.reduce((most, wait) => ((wait?.waitMs ?? 0) > (most?.waitMs ?? 0) ? wait : most), waits[0])
          : undefined;
        return longest === undefined ? undefined : defer(450, '7.1', said, grounds(longest));
      },
      options,
    );
  },
});

const said = 'not seen before, try again in a few minutes';

function grounds({ waitMs, isNew }: Exclude<Wait, undefined>) {
  const seconds = Math.ceil(waitMs / 1_000);
  return {
    rule: 'triplet',
    reason: isNew ? `first seen, wait ${seconds} s` : `too early, wait ${seconds} s`,
  };
}

/** Who need not wait, whatever the memory says. */
function exemptions(config: CheckGreylistConfig) {
  const isExemptClient = createAddressTest(config.exemptClients);
  const senders = new Set(config.exemptSenders.map(domainKey));
  const recipients = new Set(config.exemptRecipients);
  return (
    connection: Connection,
    sender: ReversePath,
    recipient: MailAddress,
    findings: readonly Finding[],
  ): boolean =>
    !isStranger(connection) ||
    isExemptClient(plainAddress(connection.remoteAddress)) ||
    isVouchedFor(connection) ||
    findings.some(({ result }) => result === 'allow') ||
    (config.exemptSpf && methodResult(findings, 'spf') === 'pass') ||
    (sender !== null && senders.has(domainKey(sender.domain))) ||
    recipients.has(addressKey(recipient)) ||
    recipients.has(domainKey(recipient.domain)) ||
    recipients.has(`${recipient.localPart.toLowerCase()}@`);
}

function describe({ delayMs, windowMs, allowAfter }: CheckGreylistConfig): string {
  const after = allowAfter > 0 ? `, networks are free after ${allowAfter} that came again` : '';
  return `450 for a new triplet until ${delayMs / 1_000} s have passed, within ${windowMs / 3_600_000} h${after}`;
}
