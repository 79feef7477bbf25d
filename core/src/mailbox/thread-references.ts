/** Which messages a message belongs with, by its own and the named Message-IDs (RFC 5322 section 3.6.4). */
import type { ParsedMessage } from '../mime/parse-structure.js';

/** Most named ids that count; of more the first and the last ones (RFC 5322 trims the middle too). */
const referencesMax = 32;
const idLengthMax = 500;

/** The ids by which a message is threaded. */
export interface ThreadReferences {
  /** Its own id. */
  readonly messageId: string | undefined;
  /** The ids it names, nearest first. */
  readonly references: readonly string[];
}

/** Reads the ids. What is not in angle brackets is not an id. */
export function threadReferences(parsed: Pick<ParsedMessage, 'envelope' | 'references'>): ThreadReferences {
  const messageId = idsOf(parsed.envelope.messageId)[0];
  const named = [...idsOf(parsed.references), ...idsOf(parsed.envelope.inReplyTo)].reverse();
  const references = [...new Set(named)].filter((id) => id !== messageId);
  if (references.length > referencesMax)
    references.splice(referencesMax / 2, references.length - referencesMax);
  return { messageId, references };
}

function idsOf(value: string | null): readonly string[] {
  if (value === null) return [];
  const ids: string[] = [];
  let start = value.indexOf('<');
  while (start >= 0) {
    const end = value.indexOf('>', start);
    if (end < 0) break;
    const id = value.slice(start + 1, end);
    if (id !== '' && id.length <= idLengthMax) ids.push(id);
    start = value.indexOf('<', end);
  }
  return ids;
}
