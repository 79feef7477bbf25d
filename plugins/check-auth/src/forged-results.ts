/** Taking out fields that claim to be ours (RFC 8601 section 5): only this server may say what it found out. */
import { type HeaderEdit, type HeaderSection, parseAuthenticationResults } from '@postroad/core';

/** The edits that take them out; fields that nobody can read count as forged. */
export function forgedResults(header: HeaderSection, hostname: string): readonly HeaderEdit[] {
  const name = 'authentication-results';
  const edits: HeaderEdit[] = [];
  for (const [at, field] of header.all(name).entries()) {
    const id = parseAuthenticationResults(field.value)?.authservId.replace(/\.$/, '');
    if (id !== undefined && id !== hostname.toLowerCase()) continue;
    // From the bottom, so that the others keep their places.
    edits.unshift({ kind: 'remove', name, occurrence: at + 1 });
  }
  return edits;
}
