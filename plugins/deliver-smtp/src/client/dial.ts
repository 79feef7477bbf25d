/** Making a TCP connection to one of several addresses: Happy Eyeballs (RFC 8305 section 5). */
import { connect, type Socket } from 'node:net';
import type { Clock, Timer } from '@postroad/core';
import { connectionLost } from './remote-error.js';

/** What a connection needs. */
export interface DialOptions {
  /** Tried in this order, each a moment after the one before unless that one has failed already. */
  readonly addresses: readonly string[];
  readonly port: number;
  readonly sourceAddress?: string | undefined;
  readonly connectMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Told of each address that did not answer. */
  readonly onUnreachable?: (address: string) => void;
}

/** RFC 8305 section 8: the connection attempt delay. */
const attemptDelayMs = 250;

/** A connected socket; the caller owns it. Rejects with a `RemoteError` when no address answers. */
export function dial(options: DialOptions): Promise<{ readonly socket: Socket; readonly address: string }> {
  return new Promise((resolve, reject) => {
    const open = new Set<Socket>();
    const timers = new Set<Timer>();
    let next = 0;
    let cause: unknown;
    let isSettled = false;
    const settle = (winner: Socket | undefined, finish: () => void) => {
      if (isSettled) return;
      isSettled = true;
      options.signal.removeEventListener('abort', onAbort);
      for (const timer of timers) timer.cancel();
      for (const socket of open) if (socket !== winner) socket.destroy();
      finish();
    };
    const onAbort = () => settle(undefined, () => reject(options.signal.reason));
    const attempt = () => {
      if (isSettled) return;
      const address = options.addresses[next++];
      if (address === undefined) {
        if (open.size === 0)
          settle(undefined, () => reject(connectionLost('connect', 'no answer from the server', cause)));
        return;
      }
      const socket = connectTo(address, options);
      open.add(socket);
      const fail = (error: unknown) => {
        if (!open.delete(socket)) return;
        cause = error;
        socket.destroy();
        if (!isSettled) options.onUnreachable?.(address);
        attempt();
      };
      timers.add(options.clock.after(options.connectMs, () => fail(new Error('no answer in time'))));
      timers.add(options.clock.after(attemptDelayMs, attempt));
      socket.on('error', fail);
      socket.once('connect', () =>
        // The listener stays: an error that comes before the new owner listens must not be nobody's.
        settle(socket, () => resolve({ socket, address })),
      );
    };
    options.signal.addEventListener('abort', onAbort, { once: true });
    if (options.signal.aborted) onAbort();
    else attempt();
  });
}

function connectTo(address: string, options: DialOptions): Socket {
  const { sourceAddress, port } = options;
  if (address.startsWith('/')) return connect({ path: address });
  // A source address is of one family; to the other family the system chooses.
  const isFitting = sourceAddress !== undefined && sourceAddress.includes(':') === address.includes(':');
  return connect({ host: address, port, noDelay: true, ...(isFitting && { localAddress: sourceAddress }) });
}
