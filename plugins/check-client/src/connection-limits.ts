/** Connections at once by address and network, and addresses that have erred too often, in the shared counters. */
import {
  type Connection,
  type Counters,
  disconnect,
  key,
  type Logger,
  networkOf,
  plainAddress,
  type Verdict,
} from '@postroad/core';
import type { CheckClientConfig } from './options.js';
import type { Place, Places } from './places.js';

const hourMs = 3_600_000;

const taken = key<readonly Place[]>('check-client.taken');

/** Counts and asks. */
export interface ConnectionLimits {
  /** Takes places for a connection; a verdict when there are too many, or when the address is turned away. */
  enter(connection: Connection): Promise<Verdict | undefined>;
  /** Gives back what `enter` took. */
  leave(connection: Connection): Promise<void>;
  /** One more refusal for good. */
  err(connection: Connection): Promise<void>;
}

/** The limits over counters. */
export function createConnectionLimits(
  config: CheckClientConfig,
  counters: Counters,
  places: Places,
  log: Logger,
): ConnectionLimits {
  const release = async (connection: Connection): Promise<void> => {
    const all = connection.get(taken) ?? [];
    connection.set(taken, []);
    for (const one of all) await places.give(one);
  };
  return {
    async enter(connection) {
      // After XCLIENT another client stands in the place of the one that was counted.
      await release(connection);
      const address = plainAddress(connection.remoteAddress);
      if (config.errorsMax > 0 && (await counters.get(banKey(address))) !== undefined) {
        return disconnect(421, '7.0', 'too many errors, try again later', {
          rule: 'errorsMax',
          reason: `${address} is turned away for a while`,
        });
      }
      const network = networkOf(address, config.networkBits);
      const limits = [
        ['connectionsPerAddressMax', `check-client:open:${address}`, config.connectionsPerAddressMax],
        ['connectionsPerNetworkMax', `check-client:open:${network}`, config.connectionsPerNetworkMax],
      ] as const;
      for (const [rule, name, most] of limits) {
        const place = await places.take(name, most);
        if (place !== undefined) {
          connection.set(taken, [...(connection.get(taken) ?? []), place]);
          continue;
        }
        await release(connection);
        const reason = `more than ${most} of ${name.slice('check-client:open:'.length)}`;
        return disconnect(421, '7.0', 'too many connections, try again later', { rule, reason });
      }
      return undefined;
    },
    leave: release,
    async err(connection) {
      if (config.errorsMax === 0) return;
      const address = plainAddress(connection.remoteAddress);
      const errors = await counters.add(`check-client:errors:${address}`, 1, hourMs);
      if (errors !== config.errorsMax) return;
      await counters.set(banKey(address), String(errors), config.banMs);
      await counters.delete(`check-client:errors:${address}`);
      log.warn('a client errs too often and is turned away', {
        remoteAddress: address,
        errors,
        banMs: config.banMs,
      });
    },
  };
}

function banKey(address: string): string {
  return `check-client:ban:${address}`;
}
