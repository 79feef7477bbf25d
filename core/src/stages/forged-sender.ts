/** Whether a message's reverse-path was found to be somebody else's, so that a DSN would go to a stranger. */
import type { Message } from '../context/message.js';
import type { Finding } from '../values/finding.js';

/**
 * What SPF says counts, as it is about the reverse-path (RFC 7208 section 2.4); those who have logged in are no strangers.
 * It is read from findings of the source `spf`, and from details as those of `MessageAuthentication`.
 */
export function isSenderForged(message: Message, findings: readonly Finding[]): boolean {
  if (message.envelope.reversePath === null) return false;
  if (message.transaction.connection.identity !== undefined) return false;
  return findings.some((finding) => {
    if (finding.source === 'spf' && finding.result === 'fail') return true;
    const { details } = finding;
    if (typeof details !== 'object' || details === null || !('spf' in details)) return false;
    const { spf } = details;
    return typeof spf === 'object' && spf !== null && 'result' in spf && spf.result === 'fail';
  });
}
