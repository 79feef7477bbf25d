/** When a session has taken too long, by what it is doing. */
import type { Reply } from '../values/reply.js';
import type { ReceiverLimits } from './receiver.js';
import { replies } from './replies.js';

/** What a session is doing. `unread`: the client does not read our replies; `tls`: a handshake is under way. */
export type SessionPhase = 'greeting' | 'command' | 'data' | 'chunk' | 'unread' | 'tls';

/** Data has this long to get going before its rate is looked at. */
const rateGraceMs = 30_000;
const handshakeMsMax = 60_000;

/** What one session is doing and since when, in the time of `ReceiverShared.nowMs`. */
export class SessionTimes {
  phase: SessionPhase = 'greeting';
  readonly #openedMs: number;
  #sinceMs: number;
  #quietSinceMs: number;
  #transactionSinceMs: number | undefined;
  #waitingSinceMs = 0;

  constructor(nowMs: number) {
    this.#openedMs = nowMs;
    this.#sinceMs = nowMs;
    this.#quietSinceMs = nowMs;
  }

  begin(phase: SessionPhase, nowMs: number): void {
    this.phase = phase;
    this.#sinceMs = nowMs;
    this.#quietSinceMs = nowMs;
  }

  /** A transaction begins, or with `undefined` ends. */
  markTransaction(nowMs: number | undefined): void {
    this.#transactionSinceMs = nowMs;
  }

  /** An answer is waited for from now on. */
  markWaiting(nowMs: number): void {
    this.#waitingSinceMs = nowMs;
  }

  /** A whole command has come, or some data. */
  touch(nowMs: number): void {
    this.#quietSinceMs = nowMs;
  }

  /**
   * The reply to end the session with; `undefined` while it is in time. `octets`: of the message under way; `isWaiting`:
   * an answer is waited for.
   */
  passed(limits: ReceiverLimits, nowMs: number, octets: number, isWaiting: boolean): Reply | undefined {
    // While policy is asked the client waits for us, which it may do for long (RFC 5321 section 4.5.3.2).
    if (isWaiting && this.phase !== 'tls' && this.phase !== 'unread') {
      return nowMs - this.#waitingSinceMs > limits.answerTimeoutMs ? replies.noAnswer : undefined;
    }
    return this.#overdue(limits, nowMs, octets);
  }

  #overdue(limits: ReceiverLimits, nowMs: number, octets: number): Reply | undefined {
    const quietForMs = nowMs - this.#quietSinceMs;
    if (this.phase === 'tls') return quietForMs > handshakeMsMax ? replies.timeout : undefined;
    if (nowMs - this.#openedMs > limits.connectionTimeoutMs) return replies.timeout;
    const transactionForMs = nowMs - (this.#transactionSinceMs ?? nowMs);
    if (transactionForMs > limits.transactionTimeoutMs) return replies.timeout;
    if (this.phase !== 'data' && this.phase !== 'chunk') {
      return quietForMs > limits.commandTimeoutMs ? replies.timeout : undefined;
    }
    if (quietForMs > limits.dataIdleTimeoutMs) return replies.timeout;
    const dataForMs = nowMs - this.#sinceMs;
    if (dataForMs <= rateGraceMs) return undefined;
    return (octets * 1_000) / dataForMs < limits.dataRateMin ? replies.tooSlow : undefined;
  }
}
