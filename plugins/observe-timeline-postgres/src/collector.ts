/** Gathers records and writes them together; while the database is away they wait, up to a bound. */
import type { Clock, Counter, HistoryRecord, Logger, Timer } from '@postroad/core';
import { entryText, type WaitingRecord } from './rows.js';
import { isPassing } from './write.js';

/** How long records wait for others. */
const flushMs = 200;
/** How long to wait for a database that is away. */
const againMs = 2_000;
/** Characters that may wait; what is more is dropped, and counted. */
const waitingMax = 16_777_216;
const recordsMax = 2_000;

/** See the file's comment. */
export interface Collector {
  /** Takes a record; returns at once and never throws. */
  add(record: HistoryRecord): void;
  /** Writes what waits; resolves when that was tried. */
  flush(): Promise<void>;
  /** Writes what waits for the last time. */
  close(): Promise<void>;
}

/** What it works with. */
export interface CollectorOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Counts what could not be kept. */
  readonly dropped: Counter;
  write(records: readonly WaitingRecord[]): Promise<void>;
}

/** Nothing waits yet. */
export function createCollector({ clock, log, dropped, write }: CollectorOptions): Collector {
  let waiting: WaitingRecord[] = [];
  let size = 0;
  let timer: Timer | undefined;
  let writing: Promise<void> | undefined;
  let isAway = false;
  let isClosed = false;

  function later(delayMs: number): void {
    if (!isClosed) timer ??= clock.after(delayMs, () => void flush());
  }

  /** Takes the oldest; whether the database took them or never will. */
  async function writeSome(): Promise<boolean> {
    const batch = waiting.slice(0, recordsMax);
    try {
      await write(batch);
      if (isAway) log.info('the timeline is written again');
      isAway = false;
    } catch (error) {
      if (isPassing(error)) {
        if (!isAway) log.warn('the timeline can not be written for now', { error, records: waiting.length });
        isAway = true;
        return false;
      }
      dropped.increase(batch.length);
      log.error('the timeline could not be written', { error, records: batch.length });
    }
    // Only at the end of the list was added meanwhile.
    waiting = waiting.slice(batch.length);
    for (const { text } of batch) size -= text.length;
    return true;
  }

  async function writeAll(): Promise<void> {
    while (waiting.length > 0) if (!(await writeSome())) break;
  }

  async function flush(): Promise<void> {
    timer?.cancel();
    timer = undefined;
    // What came while others were written is written after them.
    while (writing !== undefined) await writing;
    writing = writeAll().finally(() => {
      writing = undefined;
    });
    await writing;
    if (waiting.length > 0) later(isAway ? againMs : flushMs);
  }

  return {
    add(record) {
      const text = entryText(record.entry);
      if (size + text.length > waitingMax) {
        dropped.increase();
        return;
      }
      size += text.length;
      waiting.push({ record, text });
      later(isAway ? againMs : flushMs);
    },
    flush,
    async close() {
      isClosed = true;
      await flush();
      if (waiting.length > 0) dropped.increase(waiting.length);
    },
  };
}
