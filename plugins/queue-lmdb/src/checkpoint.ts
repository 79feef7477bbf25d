/** Moves what is young to the tables: off the way of those who wait for an answer, a part at a time. */
import type { Logger } from '@postroad/core';
import type { CrashPoint } from './journal/journal.js';
import { type Change, octetsOf, type Tables, table } from './tables/tables.js';
import type { Young } from './young/young.js';

/** How far the journal was brought into the tables, as the tables tell. */
export interface JournalMark {
  /** Frames of other epochs mean nothing. */
  readonly epoch: Buffer;
  /** Frames up to this one are in the tables. */
  readonly appliedSequence: number;
  /** There are no others: it was closed in peace. */
  readonly isClosed?: boolean;
}

const markKey = 'journal';
/**
 * About most octets of one transaction; with the most changes it bounds how long preparing it stops everything else. Each
 * transaction is synced, and a sync makes the journal wait: with a quarter of this the slowest messages took twice as long.
 */
const bytesMax = 4 * 1024 * 1024;

/** Reads the mark; `undefined` for a queue that has never had a journal. */
export function readMark(tables: Tables): JournalMark | undefined {
  const record = tables.get(table.facts, markKey);
  if (record === undefined) return undefined;
  const mark = JSON.parse(record.toString()) as {
    epoch: string;
    appliedSequence: number;
    isClosed?: boolean;
  };
  return { ...mark, epoch: Buffer.from(mark.epoch, 'hex') };
}

/**
 * Moves the lower layer to the tables, at most `partMax` changes in a transaction: with several, the frames of the layer must
 * be synced. The last transaction says with the mark that it is whole, and writes `last` with it;
 * before that a crash leaves parts that the journal's frames write again. Rejects with `E_QUEUE_STORE` when the tables
 * can't be written; the layer is kept then and can be moved again.
 */
export async function moveLowered(
  young: Young,
  tables: Tables,
  mark: JournalMark,
  last: Change,
  { partMax, crashPoint }: { readonly partMax: number; readonly crashPoint?: CrashPoint | undefined },
): Promise<void> {
  crashPoint?.('checkpoint-begun');
  let part: Change[] = [];
  let bytes = 0;
  for (const change of young.lowered?.changes() ?? []) {
    part.push(change);
    bytes += octetsOf(change);
    if (part.length < partMax && (bytes < bytesMax || partMax === Infinity)) continue;
    await tables.commit(part);
    crashPoint?.('checkpoint-part');
    part = [];
    bytes = 0;
  }
  await tables.commit([...part, last, markChange(mark)]);
  young.forgetLowered();
  crashPoint?.('checkpoint-done');
}

/** Says that the journal holds nothing more, so that nobody reads it. Never rejects: it would be read and found empty. */
export async function closeMark(tables: Tables, mark: JournalMark, log: Logger): Promise<void> {
  try {
    await tables.commit([markChange({ ...mark, isClosed: true })]);
  } catch (error) {
    log.warn('queue could not note that it was closed', { error });
  }
}

function markChange(mark: JournalMark): Change {
  const record = JSON.stringify({ ...mark, epoch: mark.epoch.toString('hex') });
  return { table: table.facts, key: markKey, value: Buffer.from(record) };
}
