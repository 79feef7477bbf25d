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

const hourMs = 3_600_000;
/** Longer than a connection may last; what a crashed process has counted is forgotten by then. */
const openMs = 3 * hourMs;

const counted = key<readonly string[]>('check-client.counted');

/** Counts and asks. */
export interface ConnectionLimits {
  /** Counts a connection; a verdict when there are too many, or when the address is turned away. */
  enter(connection: Connection): Promise<Verdict | undefined>;
  /** Takes back what `enter` counted. */
  leave(connection: Connection): Promise<void>;
  /** One more refusal for good. */
  err(connection: Connection): Promise<void>;
}

/** The limits over counters. */
export function createConnectionLimits(
  config: CheckClientConfig,
  counters: Counters,
  log: Logger,
): ConnectionLimits {
  const release = async (connection: Connection): Promise<void> => {
    const keys = connection.get(counted) ?? [];
    connection.set(counted, []);
    for (const one of keys) if (Number(await counters.add(one, -1, openMs)) <= 0) await counters.delete(one);
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
        const open = await counters.add(name, 1, openMs);
        connection.set(counted, [...(connection.get(counted) ?? []), name]);
        if (open <= most) continue;
        await release(connection);
        const reason = `${open} of ${name.slice('check-client:open:'.length)}`;
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
