/** A record as a line of JSON, made so that it is found without reading it: ids and addresses stand in it as they are asked for. */
import type { HistoryRecord, MessageTrace, TraceEntry } from '@postroad/core';

interface Line {
  /** First in its line: by this the lines of a message are told. */
  readonly i: string;
  /** What it is found by, in lower case. */
  readonly k?: readonly string[];
  readonly h?: Pick<MessageTrace, 'messageIdField' | 'reversePath'>;
  readonly e: TraceEntry;
}

/** Longest line that is written; what is longer loses its transcript. */
const lineLengthMax = 65_536;

/** The record with its line end. */
export function lineOf({ messageId, head, entry }: HistoryRecord): string {
  const keys = [
    ...(head === undefined ? [] : [messageId, head.reversePath, head.messageIdField ?? '']),
    entry.recipient ?? '',
  ]
    .filter((key) => key !== '')
    .map((key) => key.toLowerCase());
  const line: Line = {
    i: messageId,
    ...(keys.length === 0 ? {} : { k: keys }),
    ...(head === undefined ? {} : { h: head }),
    e: entry,
  };
  const text = JSON.stringify(line);
  if (text.length <= lineLengthMax) return `${text}\n`;
  const { transcript: _transcript, ...short } = entry;
  return `${JSON.stringify({ ...line, e: short })}\n`;
}

/** What a query is looked for as in the octets of lines. */
export function needlesOf(query: string): readonly Buffer[] {
  const wanted = query.trim().toLowerCase();
  if (wanted === '') return [];
  return [wanted, `<${wanted}>`].map((text) => Buffer.from(JSON.stringify(text)));
}

const idStart = Buffer.from('{"i":"');

/** The id in a line, without reading the rest; `undefined` when it is torn. */
export function idOf(octets: Buffer, start: number, end: number): string | undefined {
  if (octets.compare(idStart, 0, idStart.length, start, Math.min(end, start + idStart.length)) !== 0)
    return undefined;
  const from = start + idStart.length;
  const quote = octets.indexOf(0x22, from);
  return quote < 0 || quote >= end ? undefined : octets.toString('latin1', from, quote);
}

/** What a line holds; `undefined` when it is torn. */
export function readLine(text: string): HistoryRecord | undefined {
  try {
    const { i, h, e } = JSON.parse(text) as Line;
    if (typeof i !== 'string' || typeof e?.event !== 'string') return undefined;
    return { messageId: i, entry: e, ...(h === undefined ? {} : { head: h }) };
  } catch {
    return undefined; // Torn by a crash.
  }
}
