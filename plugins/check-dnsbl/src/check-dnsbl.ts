/** The plugin: asks lists in the DNS about clients and senders. */
import {
  addressKey,
  boundedCache,
  Clock,
  type Connection,
  createAddressTest,
  defer,
  definePlugin,
  domainKey,
  isStranger,
  isVouchedFor,
  key,
  type MaybePromise,
  type Message,
  noteFinding,
  parseAddressList,
  Resolver,
  reject,
  type Transaction,
  type Verdict,
} from '@postroad/core';
import { askList, type Listing, type ReadyList, type RecentAnswers } from './ask-list.js';
import { findingOf, judge } from './judge.js';
import { createHealthWatch, type HealthParts, type HealthWatch } from './list-health.js';
import { type CheckDnsblConfig, config, type DomainOf } from './options.js';
import { addressQuery, domainQuery } from './query-name.js';
import { codeReader } from './return-codes.js';

/** Questions on their way, by connection and by transaction; they never reject. */
const ofConnection = key<Promise<readonly Listing[]>>('check-dnsbl.connection');
const ofHello = key<MaybePromise<readonly Listing[]>>('check-dnsbl.hello');
const ofTransaction = key<MaybePromise<readonly Listing[]>>('check-dnsbl.transaction');

/** Reverse names and From fields can name many domains: this many are asked for. */
const domainsMax = 5;
/** Answers that are remembered. */
const recentMax = 20_000;

/** See the README. */
export const checkDnsbl = definePlugin({
  name: 'check-dnsbl',
  description: 'Asks block and allow lists in the DNS about addresses and domains.',
  config,
  needs: { resolver: Resolver, clock: Clock },
  setup({ config, services, log, metrics, tap, onStart, defer: atEnd }) {
    const { resolver, clock } = services;
    const parts = { resolver, clock, log, metrics };
    const health = createHealthWatch(config.lists, config.healthEveryMs, parts);
    const lists = config.lists.map((list): ReadyList => ({ list, read: codeReader(list) }));
    const isExempt = createAddressTest(config.exemptClients);
    const isAsked = (connection: Connection) =>
      isStranger(connection) && !isExempt(connection.remoteAddress.replace(/^::ffff:/i, ''));
    onStart(() => void health.start());
    atEnd(() => health.stop());

    const recent: RecentAnswers = boundedCache({ entriesMax: recentMax, clock });
    const ask = asker(lists, health, { ...parts, recent, cacheMs: config.cacheMs });
    const wants = (of: DomainOf) => lists.some(({ list }) => list.of !== 'address' && list.of.includes(of));

    // Asked for at once and waited for at RCPT: what the client says meanwhile costs no time.
    tap('connect', (connection) => {
      if (!isAsked(connection)) return undefined;
      const { remoteAddress, signal } = connection;
      const names = wants('clientName') ? clientNames(resolver, remoteAddress, signal) : Promise.resolve([]);
      connection.set(
        ofConnection,
        Promise.all([
          ask('address', [remoteAddress], signal),
          names.then((found) => ask('clientName', found, signal)),
        ]).then((found) => found.flat()),
      );
      return undefined;
    });
    tap('hello', (connection, name) => {
      if (isAsked(connection) && wants('helo'))
        connection.set(ofHello, ask('helo', [name], connection.signal));
      return undefined;
    });
    tap('reversePath', (transaction, reversePath) => {
      if (!isAsked(transaction.connection) || reversePath === null || !wants('sender')) return undefined;
      transaction.set(ofTransaction, ask('sender', [reversePath.domain], transaction.connection.signal));
      return undefined;
    });
    tap('recipient', decide(config, isAsked), {
      order: 'early',
      timeoutMs: Math.max(...config.lists.map((list) => list.timeoutMs)) + 5_000,
      description: describe(config),
    });
    if (!wants('from')) return;
    tap('inspect', async (message, signal) => {
      if (!isAsked(message.transaction.connection)) return undefined;
      const found = await ask('from', fromDomains(message), signal);
      return found.map(findingOf).filter((finding) => finding !== undefined);
    });
  },
});

type Ask = (
  of: DomainOf | 'address',
  subjects: readonly string[],
  signal: AbortSignal,
) => MaybePromise<readonly Listing[]>;

/** Asks the lists that list such things and can be trusted, all at once; answers at once when all was asked a moment ago. */
function asker(
  lists: readonly ReadyList[],
  health: HealthWatch,
  parts: HealthParts & { readonly recent: RecentAnswers; readonly cacheMs: number },
): Ask {
  return (of, subjects, signal) => {
    const query = of === 'address' ? addressQuery : domainQuery;
    const asked = lists.filter(
      ({ list }) => health.isTrusted(list) && (of === 'address' ? list.of === of : list.of.includes(of)),
    );
    const answers = asked.flatMap((ready) =>
      subjects.map((subject) => askList(parts, ready, subject, query(subject, ready.list.zone), signal)),
    );
    return answers.some((answer) => 'then' in answer)
      ? Promise.all(answers)
      : (answers as readonly Listing[]);
  };
}

/** Gathers what is known by now, notes it once, and refuses where the options say so. */
function decide(config: CheckDnsblConfig, isAsked: (connection: Connection) => boolean) {
  return async (
    transaction: Transaction,
    recipient: { readonly address: Parameters<typeof addressKey>[0] },
  ): Promise<Verdict | undefined> => {
    const { connection } = transaction;
    if (!isAsked(connection)) return undefined;
    const found = await gatherOnce(transaction);
    if (config.exemptRecipients.includes(recipient.address.localPart.toLowerCase())) return undefined;
    const judged = judge(found, config.rejectScore);
    if (judged.isRefused && !isVouchedFor(transaction))
      return reject(550, '7.1', config.text, judged.grounds);
    if (judged.failed !== undefined) {
      const { list, reason } = judged.failed;
      return defer(451, '7.1', 'try again later', { rule: list.zone, reason });
    }
    return undefined;
  };
}

const gathered = key<readonly Listing[]>('check-dnsbl.gathered');

async function gatherOnce(transaction: Transaction): Promise<readonly Listing[]> {
  const known = transaction.get(gathered);
  if (known !== undefined) return known;
  const { connection } = transaction;
  const found = (
    await Promise.all([connection.get(ofConnection), connection.get(ofHello), transaction.get(ofTransaction)])
  ).flatMap((listings) => listings ?? []);
  // Pipelined recipients are decided one after another, so nobody has been here meanwhile.
  transaction.set(gathered, found);
  for (const finding of found.map(findingOf)) if (finding !== undefined) noteFinding(transaction, finding);
  return found;
}

async function clientNames(
  resolver: Resolver,
  address: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  try {
    return (await resolver.names(address, signal)).slice(0, domainsMax);
  } catch {
    // Without a name there is nothing to ask for; whether clients must have one is another check's question.
    return [];
  }
}

function fromDomains(message: Message): readonly string[] {
  const value = message.body.header.get('from') ?? '';
  const domains = (parseAddressList(value) ?? []).flatMap(({ host }) =>
    host === null ? [] : [domainKey(host)],
  );
  return [...new Set(domains)].slice(0, domainsMax);
}

function describe({ lists, rejectScore }: CheckDnsblConfig): string {
  const each = lists.map(({ zone, kind, action, weight, onError }) => {
    const effect =
      kind === 'allow'
        ? `allows, ${weight ?? -3}`
        : action === 'reject'
          ? 'rejects'
          : `${weight ?? 3} points`;
    return `${zone} (${effect}${onError === 'defer' ? ', 451 when down' : ''})`;
  });
  return `${each.join(', ')}${rejectScore === undefined ? '' : `; 550 from ${rejectScore} points`}`;
}
