/** Finding the messages that a query means: one pass for their ids, one for all that is known of them. Bounded in memory. */
import { createReadStream } from 'node:fs';
import type { HistoryRecord, MessageTrace, TraceEntry } from '@postroad/core';
import { idOf, needlesOf, readLine } from './record-line.js';
import type { Segment } from './segments.js';

const pieceOctets = 262_144;
/** Entries of one message that are shown: its first ones, and of the others the latest. */
const entriesMax = 500;
const firstEntries = 10;
const lf = 0x0a;

/** The traces, the newest first. */
export async function findTraces(
  segments: readonly Segment[],
  query: string,
  limit: number,
): Promise<readonly MessageTrace[]> {
  const needles = needlesOf(query);
  if (needles.length === 0) return [];
  // In the order in which they were last told of.
  const ids = new Set<string>();
  for (const segment of segments) {
    await eachLine(segment, needles, (octets, start, end) => {
      const id = idOf(octets, start, end);
      if (id === undefined) return;
      ids.delete(id);
      ids.add(id);
      if (ids.size > limit) ids.delete(ids.values().next().value as string);
    });
  }
  const stories = await gather(segments, ids);
  return [...stories.values()].reverse();
}

async function gather(
  segments: readonly Segment[],
  ids: ReadonlySet<string>,
): Promise<ReadonlyMap<string, MessageTrace>> {
  const records = new Map<string, HistoryRecord[]>([...ids].map((id) => [id, []]));
  if (ids.size > 0) {
    for (const segment of segments) {
      await eachLine(segment, undefined, (octets, start, end) => {
        const id = idOf(octets, start, end);
        const known = id === undefined ? undefined : records.get(id);
        const record = known === undefined ? undefined : readLine(octets.toString('utf8', start, end));
        if (record === undefined) return;
        known?.push(record);
        if ((known?.length ?? 0) > entriesMax) known?.splice(firstEntries, 1);
      });
    }
  }
  return new Map([...records].map(([id, of]) => [id, traceOf(id, of)]));
}

function traceOf(messageId: string, records: readonly HistoryRecord[]): MessageTrace {
  const head = records.find((record) => record.head !== undefined)?.head;
  const entries: readonly TraceEntry[] = records.map(({ entry }) => entry);
  return {
    messageId,
    ...(head?.messageIdField === undefined ? {} : { messageIdField: head.messageIdField }),
    reversePath: head?.reversePath ?? '',
    entries,
  };
}

/** Calls `take` for each line in which one of the needles stands, or for all. A file that is gone has none. */
async function eachLine(
  { path }: Segment,
  needles: readonly Buffer[] | undefined,
  take: (octets: Buffer, start: number, end: number) => void,
): Promise<void> {
  let carry: Buffer = Buffer.alloc(0);
  try {
    for await (const piece of createReadStream(path, { highWaterMark: pieceOctets })) {
      const octets: Buffer = carry.length === 0 ? (piece as Buffer) : Buffer.concat([carry, piece as Buffer]);
      const whole = octets.lastIndexOf(lf) + 1;
      const lines = octets.subarray(0, whole);
      if (needles === undefined) allLines(lines, take);
      else linesWith(lines, needles, take);
      carry = octets.subarray(whole);
      // No line of ours is so long.
      if (carry.length > pieceOctets) carry = Buffer.alloc(0);
    }
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
  }
}

function allLines(lines: Buffer, take: (octets: Buffer, start: number, end: number) => void): void {
  for (let start = 0; start < lines.length; ) {
    const end = lines.indexOf(lf, start);
    take(lines, start, end);
    start = end + 1;
  }
}

function linesWith(
  lines: Buffer,
  needles: readonly Buffer[],
  take: (octets: Buffer, start: number, end: number) => void,
): void {
  const starts = new Set<number>();
  for (const needle of needles) {
    for (let at = lines.indexOf(needle); at >= 0; at = lines.indexOf(needle, at + 1)) {
      starts.add(at === 0 ? 0 : lines.lastIndexOf(lf, at - 1) + 1);
    }
  }
  for (const start of [...starts].sort((a, b) => a - b)) take(lines, start, lines.indexOf(lf, start));
}
