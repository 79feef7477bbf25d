/**
 * Findings from before the message is there: what a check learns of a client or an envelope and does not refuse for is
 * noted on the connection or transaction, and comes to the `message` hook before those of `inspect`.
 */
import type { Finding } from '../values/finding.js';
import type { Connection } from './connection.js';
import { key, type Stateful } from './key.js';
import type { Transaction } from './transaction.js';

/** More than this say nothing new: a client that provokes findings must not fill the memory. */
const findingsMax = 100;

const noted = key<readonly Finding[]>('core.noted-findings');

/** Notes a finding; beyond 100 on one connection or transaction they are dropped. */
export function noteFinding(of: Connection | Transaction, finding: Finding): void {
  const before = ownFindings(of);
  if (before.length < findingsMax) of.set(noted, [...before, finding]);
}

/** What was noted on the connection, then on the transaction itself. */
export function notedFindings(of: Connection | Transaction): readonly Finding[] {
  const own = ownFindings(of);
  if (!('connection' in of)) return own;
  const before = ownFindings(of.connection);
  if (before.length === 0) return own;
  return own.length === 0 ? before : [...before, ...own];
}

/** Whether an allow list has vouched for the client or the sender: some finding says `allow`. */
export function isVouchedFor(of: Connection | Transaction): boolean {
  return notedFindings(of).some(({ result }) => result === 'allow');
}

/** Whether nobody of ours is known behind the connection: a relay client that has not logged in. */
export function isStranger(connection: Connection): boolean {
  return connection.role === 'relay' && connection.identity === undefined;
}

function ownFindings(of: Stateful): readonly Finding[] {
  return of.get(noted) ?? [];
}
