/** Makes receivers: counts their connections, sweeps for passed deadlines, passes shutdown on. */

import type { Timer } from '../services/clock.js';
import type { ClientSocket } from '../services/listeners.js';
import type { Reply } from '../values/reply.js';
import { ConnectionCounts } from './connection-counts.js';
import type { Receiver, ReceiverOptions } from './receiver.js';
import { createShared, type ReceiverShared } from './receiver-shared.js';
import { renderReply } from './render-reply.js';
import { replies } from './replies.js';
import { ReceivingSession } from './session.js';

/** One look at all sessions per second takes the place of a timer for each of them. */
const sweepMs = 1_000;

/** A receiver for the sockets of one listener. */
export function createReceiver(options: ReceiverOptions): Receiver {
  return new SessionKeeper(createShared(options));
}

class SessionKeeper implements Receiver {
  readonly #shared: ReceiverShared;
  readonly #sessions = new Set<ReceivingSession>();
  readonly #counts: ConnectionCounts;
  readonly #signals = new WeakSet<AbortSignal>();
  #sweep: Timer | undefined;

  constructor(shared: ReceiverShared) {
    this.#shared = shared;
    this.#counts = new ConnectionCounts(shared.options.countShare);
  }

  serve(client: ClientSocket, signal: AbortSignal): void {
    const shared = this.#shared;
    const address = client.connection.remoteAddress;
    const refusal = this.#overload(address);
    if (refusal !== undefined) {
      shared.counters.overloads.increase();
      // An overloaded server spends nothing on the connection: one line, no half-close to wait for.
      client.socket.on('error', () => client.socket.destroy());
      client.socket.end(renderReply(refusal), () => client.socket.destroy());
      return;
    }
    shared.counters.connections.increase();
    this.#listen(signal);
    shared.nowMs = shared.options.clock.monotonic();
    const session = new ReceivingSession(shared, client, signal, () => {
      this.#sessions.delete(session);
      this.#counts.leave(address);
      shared.counters.open.add(-1);
      if (this.#sessions.size === 0) this.#stopSweep();
    });
    this.#sessions.add(session);
    // Added, because the receiver of an earlier generation may have sessions too.
    shared.counters.open.add(1);
    this.#sweep ??= shared.options.clock.after(sweepMs, () => this.#lookAround());
    session.begin();
  }

  /** Counts the connection, or says why there is no room for it. */
  #overload(address: string): Reply | undefined {
    const { isShortOfMemory, options } = this.#shared;
    if (isShortOfMemory()) return replies.overloadMemory;
    const reached = this.#counts.enter(address, options.limits);
    if (reached === undefined) return undefined;
    return reached === 'all' ? replies.overload : replies.overloadAddress;
  }

  /** One listener for each signal, however many connections share it. */
  #listen(signal: AbortSignal): void {
    if (this.#signals.has(signal)) return;
    this.#signals.add(signal);
    signal.addEventListener(
      'abort',
      () => {
        for (const session of [...this.#sessions]) if (session.signal === signal) session.drain();
      },
      { once: true },
    );
  }

  #lookAround(): void {
    const shared = this.#shared;
    shared.nowMs = shared.options.clock.monotonic();
    this.#sweep = shared.options.clock.after(sweepMs, () => this.#lookAround());
    for (const session of [...this.#sessions]) session.checkDeadlines(shared.nowMs);
  }

  #stopSweep(): void {
    this.#sweep?.cancel();
    this.#sweep = undefined;
  }
}
