/** What a decision says. Every hook of kind `decide` that judges answers with one of these, or `undefined`. */
import { type Reply, reply } from './reply.js';

/** Take it, and ask nobody after me. */
export interface Accept {
  readonly verdict: 'accept';
}
/** Refuse for good: 5yz. */
export interface Reject {
  readonly verdict: 'reject';
  readonly reply: Reply;
}
/** Refuse for now: 4yz. */
export interface Defer {
  readonly verdict: 'defer';
  readonly reply: Reply;
}
/** Answer as if it were accepted, and drop it. */
export interface Discard {
  readonly verdict: 'discard';
  readonly reason: string;
}
/** Accept, and mark it for Junk or an operator's eyes; `filing` hooks and stores see the mark. */
export interface Quarantine {
  readonly verdict: 'quarantine';
  readonly reason: string;
}
/** Answer and close the connection. */
export interface Disconnect {
  readonly verdict: 'disconnect';
  readonly reply: Reply;
}
/** Keep asking; if nobody rejects, refuse for now with this reply. */
export interface DeferIfAccepted {
  readonly verdict: 'deferIfAccepted';
  readonly reply: Reply;
}

/** The answer of a judging hook. */
export type Verdict = Accept | Reject | Defer | Discard | Quarantine | Disconnect | DeferIfAccepted;

/** A verdict that refuses, with the reply to give. */
export type Refusal = Reject | Defer | Disconnect;

const accepted: Accept = Object.freeze({ verdict: 'accept' });

/** Accepts and ends the hook: later taps, block lists among them, are not asked. */
export function accept(): Accept {
  return accepted;
}

/** Refuses for good. `code` is 5yz; `detail` is the enhanced status without its class, as in `'7.1'`. */
export function reject(code: number, detail: string, text: string | readonly string[]): Reject {
  assertClass(code, 5);
  return { verdict: 'reject', reply: reply(code, detail, text) };
}

/** Refuses for now. `code` is 4yz; the default is the 451 4.3.0 of a local problem. */
export function defer(
  code = 451,
  detail = '3.0',
  text: string | readonly string[] = 'try again later',
): Defer {
  assertClass(code, 4);
  return { verdict: 'defer', reply: reply(code, detail, text) };
}

/** Answers 250 and drops the message, or the recipient. `reason` goes to the log only. */
export function discard(reason: string): Discard {
  return { verdict: 'discard', reason };
}

/** Accepts with a mark. `reason` goes to the log and to the message's record. */
export function quarantine(reason: string): Quarantine {
  return { verdict: 'quarantine', reason };
}

/** Answers, usually with 421, and closes. */
export function disconnect(
  code = 421,
  detail = '3.2',
  text: string | readonly string[] = 'closing connection',
): Disconnect {
  return { verdict: 'disconnect', reply: reply(code, detail, text) };
}

/** Refuses for now unless a later tap rejects for good. */
export function deferIfAccepted(
  code = 451,
  detail = '3.0',
  text: string | readonly string[] = 'try again later',
): DeferIfAccepted {
  assertClass(code, 4);
  return { verdict: 'deferIfAccepted', reply: reply(code, detail, text) };
}

/** Whether the verdict refuses, now or for good. */
export function isRefusal(verdict: Verdict): verdict is Refusal {
  return verdict.verdict === 'reject' || verdict.verdict === 'defer' || verdict.verdict === 'disconnect';
}

function assertClass(code: number, expected: 4 | 5): void {
  if (Math.floor(code / 100) !== expected) throw new RangeError(`reply code ${code} is not ${expected}yz`);
}
