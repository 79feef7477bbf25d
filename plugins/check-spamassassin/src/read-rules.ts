/** Which rules hit, and the fields that SpamAssassin wrote. */
import {
  type HeaderEdit,
  type HeaderSection,
  headerField,
  type NewHeaderField,
  parseHeader,
} from '@postroad/core';

/** A rule that hit; its points where spamd told them. */
export interface HitRule {
  readonly name: string;
  readonly score?: number;
}

const rulesMax = 500;

/** The rules in the table of a report: points, name, description. */
export function rulesOfReport(report: string): readonly HitRule[] {
  const rows = [...report.matchAll(/^[ *]*(-?\d+(?:\.\d+)?) +([A-Z][A-Z0-9_]*)(?= |$)/gm)];
  return rows.slice(0, rulesMax).map(([, score, name]) => ({ name: name as string, score: Number(score) }));
}

/** The rules in X-Spam-Status, with points when its template has `_TESTSSCORES_`. */
export function rulesOfHeader(header: HeaderSection): readonly HitRule[] {
  const status = header.get('x-spam-status') ?? '';
  const list = /\btests=([A-Z0-9_=.,\s-]+?)(?=\s+\w+=|$)/.exec(status)?.[1] ?? '';
  const words = list.split(/[,\s]+/).filter((word) => /^[A-Z]/.test(word));
  return words.slice(0, rulesMax).map((word) => {
    const [name = '', score] = word.split('=');
    return score === undefined ? { name } : { name, score: Number(score) };
  });
}

/**
 * What makes of a header what SpamAssassin made of it: its own fields, none of those that came with the message, and the
 * fields that it may be told to mark. Everything else stays, whatever others have done to it since.
 */
export function spamFieldEdits(octets: Buffer, current: HeaderSection): readonly HeaderEdit[] {
  const { fields } = parseHeader(octets);
  const isOurs = (name: string) => name.toLowerCase().startsWith('x-spam-');
  const stale = new Set(current.fields.map(({ name }) => name.toLowerCase()).filter(isOurs));
  const edits: HeaderEdit[] = [...stale].map((name) => ({ kind: 'remove', name }));
  const own = fields.filter(({ name }) => isOurs(name));
  own.forEach(({ name, start, end }, index) => {
    edits.push({ kind: 'insert', index, field: rawField(name, octets.subarray(start, end)) });
  });
  for (const name of ['Subject', 'From', 'To']) {
    const marked = fields.find((field) => field.name.toLowerCase() === name.toLowerCase());
    if (marked === undefined || marked.value === current.get(name)) continue;
    const field = rawField(marked.name, octets.subarray(marked.start, marked.end));
    if (current.get(name) === undefined) edits.push({ kind: 'append', field });
    else edits.push({ kind: 'replace', occurrence: 1, field });
  }
  return edits;
}

function rawField(name: string, octets: Buffer): NewHeaderField {
  const text = octets.toString('utf8');
  return headerField(
    name,
    text
      .slice(text.indexOf(':') + 1)
      .trim()
      .replace(/\r?\n[ \t]+/g, '\r\n\t'),
  );
}
