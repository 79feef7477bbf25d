/** What a decision says. Every hook of kind `decide` that judges answers with one of these, or `undefined`. */
import { type Reply, reply } from './reply.js';

/** Why it was decided so: for the log, observers and `postroad try`. The peer never sees it. */
export interface Grounds {
  /** The rule that spoke, such as a list's zone or a limit's name. */
  readonly rule?: string;
  /** What it found, in a few words. */
  readonly reason?: string;
}

/** What the core and the decider say about a verdict beside it. */
export interface Attributed {
  readonly grounds?: Grounds;
  /** The plugin that decided; set by the core. */
  readonly by?: string;
}

/** Take it, and ask nobody after me. */
export interface Accept {
  readonly verdict: 'accept';
}
/** Refuse for good: 5yz. */
export interface Reject extends Attributed {
  readonly verdict: 'reject';
  readonly reply: Reply;
}
/** Refuse for now: 4yz. */
export interface Defer extends Attributed {
  readonly verdict: 'defer';
  readonly reply: Reply;
}
/** Answer as if it were accepted, and drop it. */
export interface Discard extends Attributed {
  readonly verdict: 'discard';
  readonly reason: string;
}
/** Accept, and mark it for Junk or an operator's eyes; `filing` hooks and stores see the mark. */
export interface Quarantine extends Attributed {
  readonly verdict: 'quarantine';
  readonly reason: string;
}
/** Answer and close the connection. */
export interface Disconnect extends Attributed {
  readonly verdict: 'disconnect';
  readonly reply: Reply;
}
/** Keep asking; if nobody rejects, refuse for now with this reply. */
export interface DeferIfAccepted extends Attributed {
  readonly verdict: 'deferIfAccepted';
  readonly reply: Reply;
}

/** The answer of a judging hook. */
export type Verdict = Accept | Reject | Defer | Discard | Quarantine | Disconnect | DeferIfAccepted;

/** What can be said about a message for one of its recipients. */
export type RecipientVerdict = Accept | Reject | Defer | DeferIfAccepted | Discard;

/** A verdict that refuses, with the reply to give. */
export type Refusal = Reject | Defer | Disconnect;

const accepted: Accept = Object.freeze({ verdict: 'accept' });

/** Accepts and ends the hook: later taps, block lists among them, are not asked. */
export function accept(): Accept {
  return accepted;
}

/**
 * Refuses for good. `code` is 5yz; `detail` is the enhanced status without its class, as in `'7.1'`; `grounds` go to the
 * log, never to the peer.
 */
export function reject(
  code: number,
  detail: string,
  text: string | readonly string[],
  grounds?: Grounds,
): Reject {
  assertClass(code, 5);
  return { verdict: 'reject', reply: reply(code, detail, text), ...because(grounds) };
}

/** Refuses for now. `code` is 4yz; the default is the 451 4.3.0 of a local problem. */
export function defer(
  code = 451,
  detail = '3.0',
  text: string | readonly string[] = 'try again later',
  grounds?: Grounds,
): Defer {
  assertClass(code, 4);
  return { verdict: 'defer', reply: reply(code, detail, text), ...because(grounds) };
}

/** Answers 250 and drops the message, or the recipient. `reason` goes to the log only. */
export function discard(reason: string, grounds?: Grounds): Discard {
  return { verdict: 'discard', reason, ...because(grounds) };
}

/** Accepts with a mark. `reason` goes to the log and to the message's record. */
export function quarantine(reason: string, grounds?: Grounds): Quarantine {
  return { verdict: 'quarantine', reason, ...because(grounds) };
}

/** Answers, usually with 421, and closes. */
export function disconnect(
  code = 421,
  detail = '3.2',
  text: string | readonly string[] = 'closing connection',
  grounds?: Grounds,
): Disconnect {
  return { verdict: 'disconnect', reply: reply(code, detail, text), ...because(grounds) };
}

/** Refuses for now unless a later tap rejects for good. */
export function deferIfAccepted(
  code = 451,
  detail = '3.0',
  text: string | readonly string[] = 'try again later',
  grounds?: Grounds,
): DeferIfAccepted {
  assertClass(code, 4);
  return { verdict: 'deferIfAccepted', reply: reply(code, detail, text), ...because(grounds) };
}

/** Whether the verdict refuses, now or for good. */
export function isRefusal(verdict: Verdict): verdict is Refusal {
  return verdict.verdict === 'reject' || verdict.verdict === 'defer' || verdict.verdict === 'disconnect';
}

function because(grounds: Grounds | undefined): Attributed {
  return grounds === undefined ? {} : { grounds };
}

function assertClass(code: number, expected: 4 | 5): void {
  if (Math.floor(code / 100) !== expected) throw new RangeError(`reply code ${code} is not ${expected}yz`);
}
