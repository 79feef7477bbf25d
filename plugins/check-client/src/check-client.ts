/** The plugin: what a client's behaviour says about it, before it has said what it wants. */
import {
  Clock,
  type Connection,
  Counters,
  createAddressTest,
  defer,
  definePlugin,
  domainKey,
  isStranger,
  isVouchedFor,
  key,
  noteFinding,
  plainAddress,
  Random,
  type RefusedEvent,
  Resolver,
  type Verdict,
} from '@postroad/core';
import { act, isRefusing } from './act.js';
import { type ConnectionLimits, createConnectionLimits } from './connection-limits.js';
import { helloProblem } from './hello.js';
import { forwardState, type NameState, reverseState } from './names.js';
import { type CheckClientConfig, config, type RuleName } from './options.js';
import { createPlaces } from './places.js';
import { createTarpit } from './tarpit.js';

const reverseLookUp = key<Promise<NameState>>('check-client.reverse');
const helloLookUp = key<Promise<NameState>>('check-client.hello');
const errorCount = key<number>('check-client.errors');
const isDone = key<boolean>('check-client.done');
const patientMs = 86_400_000;

/** See the README. */
export const checkClient = definePlugin({
  name: 'check-client',
  description: 'Looks at how clients behave: early talk, HELO, reverse DNS, pipelining, errors, connections.',
  config,
  needs: { resolver: Resolver, clock: Clock, counters: Counters, random: Random },
  setup({ config, services, hostname, log, tap, defer: atEnd }) {
    const isExempt = createAddressTest(config.exemptClients);
    const { clock, counters, random } = services;
    const places = createPlaces({ counters, clock, log, owner: random.id() });
    atEnd(() => places.stop());
    const limits = createConnectionLimits(config, counters, places, log);
    const tarpit = createTarpit(config, clock);
    const parts: Parts = {
      config,
      ...services,
      limits,
      ours: new Set([hostname, ...config.ourNames].map(domainKey)),
      isLookedAt: (connection) => isStranger(connection) && !isExempt(plainAddress(connection.remoteAddress)),
      keepWaiting: (connection, signal) =>
        tarpit.wait(connection.get(errorCount) ?? 0, signal) ?? Promise.resolve(),
    };
    const early = (description: string) => ({ order: 'early', description }) as const;
    tap('connect', (connection, signal) => meet(parts, connection, signal), early(describeConnect(config)));
    tap(
      'hello',
      (connection, name, signal) => hear(parts, connection, name, signal),
      early(describeRules(config, ['ourHello', 'wrongLiteral', 'bareHello'])),
    );
    tap(
      'reversePath',
      async (transaction, _path, signal) => {
        const { connection } = transaction;
        if (!parts.isLookedAt(connection)) return undefined;
        await parts.keepWaiting(connection, signal);
        return isVouchedFor(transaction) ? undefined : judgeNames(config, connection);
      },
      early(describeRules(config, ['noReverseName', 'unconfirmedReverseName', 'unknownHello', 'otherHello'])),
    );
    tap(
      'recipient',
      async ({ connection }, _recipient, signal) => {
        if (parts.isLookedAt(connection)) await parts.keepWaiting(connection, signal);
        return undefined;
      },
      early(describeTarpit(config)),
    );
    tap(
      'dataStart',
      ({ connection }) => {
        if (!parts.isLookedAt(connection) || !connection.hasPipelinedBadly) return undefined;
        return act(config, connection, 'badPipelining', connection.remoteAddress);
      },
      early(describeRules(config, ['badPipelining'])),
    );
    tap('refused', (event) => countError(parts, event));
    tap('closed', (connection) => limits.leave(connection));
  },
});

/** What the hooks work with. */
interface Parts {
  readonly config: CheckClientConfig;
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly limits: ConnectionLimits;
  readonly ours: ReadonlySet<string>;
  isLookedAt(connection: Connection): boolean;
  keepWaiting(connection: Connection, signal: AbortSignal): Promise<void>;
}

/** At the connection: too many, turned away, or talking before the greeting. */
async function meet(parts: Parts, connection: Connection, signal: AbortSignal): Promise<Verdict | undefined> {
  const { config, clock, counters } = parts;
  if (!parts.isLookedAt(connection)) return undefined;
  const { remoteAddress, isTrial } = connection;
  const refusal = isTrial ? undefined : await parts.limits.enter(connection);
  if (refusal !== undefined) return refusal;
  if (wants(config, 'noReverseName', 'unconfirmedReverseName'))
    connection.set(reverseLookUp, reverseState(parts.resolver, remoteAddress, connection.signal));
  if (config.greetingWaitMs === 0 || !wants(config, 'earlyTalker') || isTrial) return undefined;
  // A client that has waited once will wait again: it is not kept waiting for a day.
  const patient = `check-client:patient:${plainAddress(remoteAddress)}`;
  if ((await counters.get(patient)) === undefined) await clock.sleep(config.greetingWaitMs, signal);
  if (connection.hasTalkedEarly) {
    await counters.delete(patient);
    return act(config, connection, 'earlyTalker', remoteAddress);
  }
  await counters.set(patient, '1', patientMs);
  return undefined;
}

/** At HELO or EHLO: names that can't be true; others are looked up meanwhile. */
async function hear(
  parts: Parts,
  connection: Connection,
  name: string,
  signal: AbortSignal,
): Promise<Verdict | undefined> {
  const { config, resolver } = parts;
  if (!parts.isLookedAt(connection)) return undefined;
  await parts.keepWaiting(connection, signal);
  const problem = helloProblem(name, connection.remoteAddress, parts.ours);
  if (problem !== undefined) return act(config, connection, problem.rule, problem.reason);
  if (!name.startsWith('[') && wants(config, 'unknownHello', 'otherHello'))
    connection.set(helloLookUp, forwardState(resolver, name, connection.remoteAddress, connection.signal));
  return undefined;
}

/** Refusals for now are ours, not the client's mistakes; and a ban must not prolong itself. */
async function countError(parts: Parts, { connection, reply, by }: RefusedEvent): Promise<void> {
  if (reply.code < 500 || !parts.isLookedAt(connection)) return;
  connection.set(errorCount, (connection.get(errorCount) ?? 0) + 1);
  if (by !== 'check-client' || reply.code !== 421) await parts.limits.err(connection);
}

function wants(config: CheckClientConfig, ...rules: readonly RuleName[]): boolean {
  return rules.some((rule) => config[rule] !== 'off');
}

/** Reverse DNS and the name in HELO, once for each connection. */
async function judgeNames(config: CheckClientConfig, connection: Connection): Promise<Verdict | undefined> {
  if (connection.get(isDone) === true) return undefined;
  const { remoteAddress, helloName } = connection;
  const [reverse, hello] = await Promise.all([connection.get(reverseLookUp), connection.get(helloLookUp)]);
  const verdicts = [
    judgeName(config, connection, reverse, 'noReverseName', 'unconfirmedReverseName', remoteAddress),
    judgeName(config, connection, hello, 'unknownHello', 'otherHello', helloName),
  ];
  const verdict =
    verdicts.find((one) => one?.verdict === 'reject') ?? verdicts.find((one) => one !== undefined);
  // What refuses is asked again for the next message; points are noted once.
  connection.set(isDone, verdict === undefined);
  return verdict;
}

function judgeName(
  config: CheckClientConfig,
  connection: Connection,
  found: NameState | undefined,
  absent: RuleName,
  other: RuleName,
  subject: string,
): Verdict | undefined {
  if (found === undefined || found.state === 'confirmed') return undefined;
  if (found.state !== 'unknown') {
    const reason = found.names.length === 0 ? subject : `${subject} (${found.names.join(', ')})`;
    return act(config, connection, found.state === 'absent' ? absent : other, reason);
  }
  const isSkipped = config.onError === 'skip';
  noteFinding(connection, { source: 'check-client', text: absent, error: found.reason, isSkipped });
  const mustKnow = isRefusing(config, absent) || isRefusing(config, other);
  if (!mustKnow || isSkipped) return undefined;
  return defer(451, '4.3', 'a name could not be looked up, try again later', {
    rule: absent,
    reason: found.reason,
  });
}

function describeConnect(config: CheckClientConfig): string {
  const { connectionsPerAddressMax, connectionsPerNetworkMax, errorsMax, greetingWaitMs } = config;
  return (
    `421 beyond ${connectionsPerAddressMax} connections of an address or ${connectionsPerNetworkMax} of a network` +
    `${errorsMax > 0 ? `, or after ${errorsMax} errors within an hour` : ''}; ` +
    `${describeRules(config, ['earlyTalker'])} within ${greetingWaitMs / 1_000} s`
  );
}

function describeRules(config: CheckClientConfig, rules: readonly RuleName[]): string {
  return rules
    .map((rule) => {
      const action = config[rule];
      return `${rule} ${typeof action === 'number' ? `${action} points` : action}`;
    })
    .join(', ');
}

function describeTarpit({ tarpitAfter, tarpitStepMs, tarpitMsMax }: CheckClientConfig): string {
  if (tarpitAfter === 0) return 'no tarpit';
  return `answers wait ${tarpitStepMs / 1_000} s more with each error from the ${tarpitAfter}. on, at most ${tarpitMsMax / 1_000} s`;
}
