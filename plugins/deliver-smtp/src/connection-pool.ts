/** Idle connections, kept a little while for the next message to the same site under the same conditions. */
import type { Clock, Timer } from '@postroad/core';
import type { SmtpConnection } from './client/smtp-connection.js';

/** Limits of reuse. */
export interface ReuseLimits {
  readonly idleMs: number;
  readonly messagesMax: number;
  readonly lifetimeMs: number;
  readonly idleMax: number;
}

interface Idle {
  readonly key: string;
  readonly connection: SmtpConnection;
  readonly timer: Timer;
}

/**
 * Keeps connections by a key that names everything they were made for: site, TLS policy, source, EHLO name, login. A
 * connection that is taken is the taker's alone.
 */
export class ConnectionPool {
  readonly #limits: ReuseLimits;
  readonly #clock: Clock;
  readonly #byKey = new Map<string, Idle[]>();
  /** In the order in which they became idle. */
  readonly #idle = new Set<Idle>();
  #isClosed = false;

  constructor(limits: ReuseLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** How many wait. */
  get size(): number {
    return this.#idle.size;
  }

  /** The connection that was used last, when there is one that is still good. */
  take(key: string): SmtpConnection | undefined {
    for (;;) {
      const entry = this.#byKey.get(key)?.at(-1);
      if (entry === undefined) return undefined;
      this.#remove(entry);
      if (entry.connection.isUsable && this.#isYoung(entry.connection)) {
        entry.connection.setIdle(false);
        return entry.connection;
      }
      entry.connection.quit();
    }
  }

  /** Takes a connection back, or says goodbye to it when it has served long enough. */
  give(key: string, connection: SmtpConnection, messagesMax = this.#limits.messagesMax): void {
    const isSpent = connection.transactions >= messagesMax || !this.#isYoung(connection);
    if (this.#isClosed || isSpent || this.#limits.idleMs === 0 || !connection.isUsable) {
      connection.quit();
      return;
    }
    const timer = this.#clock.after(this.#limits.idleMs, () => this.#drop(entry));
    const entry: Idle = { key, connection, timer };
    connection.onEnd = () => this.#remove(entry);
    connection.setIdle(true);
    this.#idle.add(entry);
    const list = this.#byKey.get(key);
    if (list === undefined) this.#byKey.set(key, [entry]);
    else list.push(entry);
    for (const oldest of this.#idle) {
      if (this.#idle.size <= this.#limits.idleMax) break;
      this.#drop(oldest);
    }
  }

  /** Says goodbye to all that wait, and to those that come back later. */
  close(): void {
    this.#isClosed = true;
    for (const entry of [...this.#idle]) this.#drop(entry);
  }

  #isYoung(connection: SmtpConnection): boolean {
    return this.#clock.monotonic() - connection.openedAtMs < this.#limits.lifetimeMs;
  }

  #drop(entry: Idle): void {
    this.#remove(entry);
    entry.connection.quit();
  }

  #remove(entry: Idle): void {
    if (!this.#idle.delete(entry)) return;
    entry.timer.cancel();
    entry.connection.onEnd = undefined;
    const list = this.#byKey.get(entry.key);
    list?.splice(list.indexOf(entry), 1);
    if (list?.length === 0) this.#byKey.delete(entry.key);
  }
}
