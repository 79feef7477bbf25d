/** The plugin: limits of rate. */
import {
  Counters,
  createAddressTest,
  defer,
  definePlugin,
  disconnect,
  type Grounds,
  isStranger,
  type MaybePromise,
  plainAddress,
} from '@postroad/core';
import { limitKey, nameOf, type Occasion } from './limit-key.js';
import { type CheckRateConfig, config, type RateLimit, type RatePoint } from './options.js';

const said = 'too much at once, try again later';

/** See the README. */
export const checkRate = definePlugin({
  name: 'check-rate',
  description: 'Limits how much may come by client, network, user, sender, recipient and domain.',
  config,
  needs: { counters: Counters },
  setup({ config, services, metrics, tap }) {
    const isExempt = createAddressTest(config.exemptClients);
    const at = (point: RatePoint) => config.limits.filter((limit) => limit.at === point);
    const ask = async (
      limits: readonly RateLimit[],
      occasion: Occasion,
      size: Size,
    ): Promise<Grounds | undefined> => {
      const { connection } = occasion;
      if (connection.isTrial || isExempt(plainAddress(connection.remoteAddress))) return undefined;
      for (const limit of limits) {
        const key = appliesTo(limit, occasion) ? limitKey(limit, occasion, config.networkBits) : undefined;
        if (key === undefined) continue;
        const rate = { units: limit.units, perMs: limit.perMs, ...(limit.burst && { burst: limit.burst }) };
        const answer = await take(services.counters, key, rate, size[limit.count]);
        if (answer.isAllowed) continue;
        metrics
          .counter('postroad_rate_limited_total', 'What was put off by a limit.', { limit: nameOf(limit) })
          .increase();
        const seconds = Math.ceil(answer.retryAfterMs / 1_000);
        return { rule: nameOf(limit), reason: `${key.slice(key.indexOf(':') + 1)}: wait ${seconds} s` };
      }
      return undefined;
    };
    const options = (point: RatePoint) =>
      ({ order: 'early', onError: config.onError, description: describe(at(point), config) }) as const;
    const one: Size = { messages: 1, recipients: 1, octets: 1 };

    if (at('connect').length > 0) {
      tap(
        'connect',
        async (connection) => {
          const grounds = await ask(at('connect'), { connection }, one);
          // RFC 5321 section 4.3.2: instead of a greeting only 421 and 554 are said.
          return grounds && disconnect(421, '7.0', said, grounds);
        },
        options('connect'),
      );
    }
    if (at('reversePath').length > 0) {
      tap(
        'reversePath',
        async ({ connection }, sender) => {
          const grounds = await ask(at('reversePath'), { connection, sender }, one);
          return grounds && defer(450, '7.1', said, grounds);
        },
        options('reversePath'),
      );
    }
    if (at('recipient').length > 0) {
      tap(
        'recipient',
        async ({ connection, reversePath }, { address }) => {
          const occasion = { connection, sender: reversePath, recipient: address };
          const grounds = await ask(at('recipient'), occasion, one);
          return grounds && defer(450, '7.1', said, grounds);
        },
        options('recipient'),
      );
    }
    if (at('message').length > 0) {
      tap(
        'message',
        async ({ transaction, envelope, body }) => {
          const occasion = { connection: transaction.connection, sender: envelope.reversePath };
          const size = { messages: 1, recipients: envelope.recipients.length, octets: body.sizeBytes };
          const grounds = await ask(at('message'), occasion, size);
          return grounds && defer(450, '7.1', said, grounds);
        },
        options('message'),
      );
    }
  },
});

type Size = Readonly<Record<RateLimit['count'], number>>;

function appliesTo({ who }: RateLimit, { connection }: Occasion): boolean {
  if (who === 'all') return true;
  return who === 'users' ? connection.identity !== undefined : isStranger(connection);
}

/** More than the whole burst at once could never be allowed: it takes all there is, and is allowed when that is free. */
function take(
  counters: Counters,
  key: string,
  rate: { readonly units: number; readonly perMs: number; readonly burst?: number },
  units: number,
): MaybePromise<{ readonly isAllowed: boolean; readonly retryAfterMs: number }> {
  return counters.take(key, rate, Math.min(units, Math.max(1, rate.burst ?? rate.units)));
}

function describe(limits: readonly RateLimit[], { onError }: CheckRateConfig): string {
  const each = limits.map((limit) => {
    const by = limit.by.length === 0 ? 'all together' : limit.by.join(' and ');
    const burst = limit.burst === undefined ? '' : `, ${limit.burst} at once`;
    return `${limit.units} ${limit.at === 'message' ? limit.count : limit.at} in ${limit.perMs / 1_000} s by ${by}${burst}`;
  });
  return `${limits[0]?.at === 'connect' ? 421 : 450} beyond ${each.join('; ')}${onError === 'skip' ? '; skipped when the counters fail' : ''}`;
}
