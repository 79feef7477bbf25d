/** The fields that mail programs and filters of users look at. */
import { type HeaderEdit, type HeaderSection, headerField, type NewHeaderField } from '@postroad/core';
import { type Sum, termsText } from './sum.js';

const names = ['x-spam-flag', 'x-spam-score', 'x-spam-level', 'x-spam-status', 'x-spam-report', 'x-spam-bar'];
const levelMax = 50;

/** The fields of a sum. */
export function spamFields(sum: Sum, junk: number): readonly NewHeaderField[] {
  const isSpam = sum.score >= junk;
  const level = Math.max(0, Math.min(levelMax, Math.floor(sum.score)));
  // Names come from plugins and from filters far away: only what can't be mistaken for structure goes in.
  const tests = termsText(sum).replace(/[^\w.,/ -]/g, '_') || 'none';
  const status = `${isSpam ? 'Yes' : 'No'}, score=${sum.score} required=${junk}`;
  return [
    ...(isSpam ? [headerField('X-Spam-Flag', 'YES')] : []),
    headerField('X-Spam-Score', String(sum.score)),
    ...(level > 0 ? [headerField('X-Spam-Level', '*'.repeat(level))] : []),
    headerField('X-Spam-Status', `${status}\r\n\ttests=${fold(tests)}`),
  ];
}

/** Takes out what claims to be ours and came from outside. */
export function forgedFields(header: HeaderSection): readonly HeaderEdit[] {
  return names.filter((name) => header.get(name) !== undefined).map((name) => ({ kind: 'remove', name }));
}

/** Lines of at most about 76 characters (RFC 5322 section 2.1.1). */
function fold(text: string): string {
  const lines: string[] = [];
  let line = '';
  for (const part of text.split(', ')) {
    const next = line === '' ? part : `${line}, ${part}`;
    if (next.length <= 66 || line === '') line = next;
    else {
      lines.push(`${line},`);
      line = part;
    }
  }
  return [...lines, line].join('\r\n\t ').slice(0, 4_000);
}
