/** Making a TCP connection to one of several addresses: Happy Eyeballs (RFC 8305 section 5). */
import { connect, type Socket } from 'node:net';
import type { Clock, Timer } from '@postroad/core';
import { connectionLost } from './remote-error.js';

/** Where to connect to. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** What a connection needs. */
export interface DialOptions<E extends Endpoint> {
  /**
   * The next one to try, a moment after the one before unless that one has failed already. `isLast` says that nothing
   * else is under way: only then may worse ones be given. `undefined` when there is none.
   */
  next(isLast: boolean): Promise<E | undefined>;
  /** Takes back those that were not waited for. */
  putBack(endpoints: readonly E[]): void;
  readonly sourceAddress?: string | undefined;
  readonly connectMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Told of each one that did not answer. */
  readonly onUnreachable?: (endpoint: E) => void;
  /** Told of each one that let the next one start, and was slower than it. */
  readonly onSlow?: (endpoint: E) => void;
}

/** A connection that was made; the caller owns the socket. */
export interface Dialled<E extends Endpoint> {
  readonly socket: Socket;
  readonly endpoint: E;
}

/** RFC 8305 section 8: the connection attempt delay. */
const attemptDelayMs = 250;

/** Connects; `undefined` when there was nothing to try. Rejects with a `RemoteError` when nobody answers. */
export function dial<E extends Endpoint>(options: DialOptions<E>): Promise<Dialled<E> | undefined> {
  return new Promise((resolve, reject) => new Dialling(options, resolve, reject).begin());
}

class Dialling<E extends Endpoint> {
  readonly #options: DialOptions<E>;
  readonly #resolve: (dialled: Dialled<E> | undefined) => void;
  readonly #reject: (error: unknown) => void;
  readonly #open = new Map<Socket, { readonly endpoint: E; readonly sinceMs: number }>();
  readonly #timers = new Set<Timer>();
  #isAsking = false;
  #isSettled = false;
  #hasTried = false;
  #cause: unknown;

  constructor(
    options: DialOptions<E>,
    resolve: (dialled: Dialled<E> | undefined) => void,
    reject: (error: unknown) => void,
  ) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  begin(): void {
    const { signal } = this.#options;
    signal.addEventListener('abort', this.#onAbort, { once: true });
    if (signal.aborted) this.#onAbort();
    else this.#attempt();
  }

  readonly #onAbort = (): void => {
    if (this.#settle()) this.#reject(this.#options.signal.reason);
  };

  readonly #attempt = (): void => {
    if (this.#isSettled || this.#isAsking) return;
    this.#isAsking = true;
    const isLast = this.#open.size === 0;
    this.#options.next(isLast).then(
      (endpoint) => {
        this.#isAsking = false;
        this.#take(endpoint, isLast);
      },
      (error: unknown) => {
        if (this.#settle()) this.#reject(error);
      },
    );
  };

  #take(endpoint: E | undefined, isLast: boolean): void {
    if (this.#isSettled) {
      if (endpoint !== undefined) this.#options.putBack([endpoint]);
      return;
    }
    if (endpoint !== undefined) this.#connect(endpoint);
    else if (this.#open.size === 0) {
      // What was under way has failed while we asked: worse ones may be tried now.
      if (!isLast) this.#attempt();
      else if (this.#settle()) this.#end();
    }
  }

  #end(): void {
    if (this.#hasTried) this.#reject(connectionLost('connect', 'no answer from the server', this.#cause));
    else this.#resolve(undefined);
  }

  #connect(endpoint: E): void {
    const { clock, connectMs, onUnreachable } = this.#options;
    this.#hasTried = true;
    const socket = connectTo(endpoint, this.#options.sourceAddress);
    this.#open.set(socket, { endpoint, sinceMs: clock.monotonic() });
    const fail = (error: unknown): void => {
      if (!this.#open.delete(socket)) return;
      this.#cause = error;
      socket.destroy();
      if (!this.#isSettled) onUnreachable?.(endpoint);
      this.#attempt();
    };
    this.#timers.add(clock.after(connectMs, () => fail(new Error('no answer in time'))));
    this.#timers.add(clock.after(attemptDelayMs, this.#attempt));
    // The listener stays: an error that comes before the new owner listens must not be nobody's.
    socket.on('error', fail);
    socket.once('connect', () => {
      if (this.#settle(socket)) this.#resolve({ socket, endpoint });
    });
  }

  /** Cleans up, once. */
  #settle(winner?: Socket): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    for (const timer of this.#timers) timer.cancel();
    const losers: E[] = [];
    for (const [socket, { endpoint, sinceMs }] of this.#open) {
      if (socket === winner) continue;
      socket.destroy();
      losers.push(endpoint);
      const isSlow = this.#options.clock.monotonic() - sinceMs >= attemptDelayMs;
      if (winner !== undefined && isSlow) this.#options.onSlow?.(endpoint);
    }
    if (losers.length > 0) this.#options.putBack(losers);
    return true;
  }
}

function connectTo({ address, port }: Endpoint, sourceAddress: string | undefined): Socket {
  if (address.startsWith('/')) return connect({ path: address });
  // A source address is of one family; to the other family the system chooses.
  const isFitting = sourceAddress !== undefined && sourceAddress.includes(':') === address.includes(':');
  return connect({ host: address, port, noDelay: true, ...(isFitting && { localAddress: sourceAddress }) });
}
