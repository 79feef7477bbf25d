/** Records as rows: those of a message that come together are one row, and what it is found by is in rows of its own. */
import type { HistoryRecord, MessageTrace, TraceEntry } from '@postroad/core';

/** What is kept of a message's beginning. */
export type Head = Pick<MessageTrace, 'messageIdField' | 'reversePath'>;

/** A row of `postroad_timeline`. */
export interface TimelineRow {
  readonly messageId: string;
  readonly atMs: number;
  readonly head: string | null;
  readonly entries: string;
}

/** A row of `postroad_timeline_keys`. */
export interface KeyRow {
  readonly key: string;
  readonly atMs: number;
  readonly messageId: string;
}

/** Longest entry that is kept whole; what is longer loses its transcript. */
const entryLengthMax = 65_536;
/** An index takes no more than 2,704 octets; four for each character. */
const keyLengthMax = 600;

/** A value to find by, as it stands in the table. */
export function keyOf(text: string): string {
  // PostgreSQL has no NUL in text.
  return text.replaceAll('\u0000', '').trim().toLowerCase().slice(0, keyLengthMax);
}

/** An entry as JSON, bounded. */
export function entryText(entry: TraceEntry): string {
  const text = JSON.stringify(entry);
  if (text.length <= entryLengthMax) return text;
  const { transcript: _transcript, ...short } = entry;
  return JSON.stringify(short);
}

/** A record that waits to be written. */
export interface WaitingRecord {
  readonly record: HistoryRecord;
  readonly text: string;
}

/** The rows for records that are written together, in their order. */
export function rowsOf(records: readonly WaitingRecord[]): {
  readonly rows: readonly TimelineRow[];
  readonly keys: readonly KeyRow[];
} {
  const messages = new Map<
    string,
    { atMs: number; head: Head | undefined; texts: string[]; keys: Set<string> }
  >();
  for (const { record, text } of records) {
    const { messageId, head, entry } = record;
    const known = messages.get(messageId) ?? { atMs: entry.atMs, head, texts: [], keys: new Set<string>() };
    messages.set(messageId, known);
    known.head ??= head;
    known.texts.push(text);
    for (const found of [head?.reversePath, head?.messageIdField, entry.recipient]) {
      const key = keyOf(found ?? '');
      if (key !== '') known.keys.add(key);
    }
  }
  const rows: TimelineRow[] = [];
  const keys: KeyRow[] = [];
  for (const [messageId, { atMs, head, texts, keys: found }] of messages) {
    rows.push({
      messageId,
      atMs,
      head: head === undefined ? null : JSON.stringify(head),
      entries: `[${texts.join(',')}]`,
    });
    for (const key of found) keys.push({ key, atMs, messageId });
  }
  return { rows, keys };
}
