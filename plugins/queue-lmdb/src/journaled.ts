/**
 * Commits of the queue: durable by the journal, seen through what is young, and moved to the tables later. All calls come
 * from the commit queue, one after another; only the moving goes on beside them.
 */
import type { Clock, Logger, Random, Timer } from '@postroad/core';
import { MailError } from '@postroad/core';
import { closeMark, moveLowered, readMark } from './checkpoint.js';
import { type Counters, counterList, countersChange, readCounters, setCounters } from './counters.js';
import { epochBytes } from './journal/frame.js';
import { type CrashPoint, createJournal, type Journal } from './journal/journal.js';
import type { JournalDisk } from './journal/journal-disk.js';
import { readJournal } from './journal/read-journal.js';
import type { Change, Tables } from './tables/tables.js';
import type { Young } from './young/young.js';

/** How large and how old what is young may become. */
export interface YoungLimits {
  /** Of one segment of the journal. */
  readonly segmentBytesMax: number;
  /** Of the upper layer in memory; together with the lower one twice as much. */
  readonly youngBytesMax: number;
  /** After this time it is moved to the tables, if it is still there. */
  readonly youngMsMax: number;
  /** Most changes that are moved in one transaction. */
  readonly partMax: number;
}

/** Limits for a server. */
export const defaultYoungLimits: YoungLimits = {
  segmentBytesMax: 32 * 1024 * 1024,
  youngBytesMax: 24 * 1024 * 1024,
  youngMsMax: 5_000,
  partMax: 1600,
};

/** What the commits work with. */
export interface JournaledOptions {
  readonly tables: Tables;
  readonly young: Young;
  readonly disk: JournalDisk;
  /** The queue's counters: filled at the recovery, written with each commit. */
  readonly counters: Counters;
  readonly limits: YoungLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly crashPoint?: CrashPoint | undefined;
  /** Something is to be moved although nobody commits: have `ready` called. */
  wake(): void;
}

/** See the file's comment. */
export interface Journaled {
  /** Brings what a journal holds into the tables. Returns where copies of damaged segments are. */
  recover(): Promise<readonly string[]>;
  /** To be called before the changes of a commit are applied. Never rejects: what is in the way, the commit says. */
  ready(): Promise<void>;
  /** Makes changes durable that are applied to `young`. Rejects with `E_QUEUE_STORE`. */
  commit(changes: readonly Change[], isLazy: boolean): Promise<void>;
  /** A commit has failed and what it applied is taken back. Never rejects. */
  failed(): Promise<void>;
  /** Moves everything, if the disk lets it; closes the journal. */
  close(): Promise<void>;
}

/** Nothing is committed before `recover`. */
export function createJournaled(options: JournaledOptions): Journaled {
  const { tables, young, counters, limits, random, log, crashPoint } = options;
  const journal = createJournal({ ...options, segmentBytesMax: limits.segmentBytesMax });
  let epoch: Buffer = newEpoch(random);
  let moving = Promise.resolve();
  let isOld = false;
  /** There is no room for more until something has been moved. */
  let isRefusing = false;
  let isClosing = false;
  let timer: Timer | undefined;
  /** What the lower layer's last transaction says. */
  let last: { readonly appliedSequence: number; readonly counters: Change } | undefined;

  const isAtLimit = (): boolean => journal.isFull || young.sizeBytes >= limits.youngBytesMax;

  /** Moves the lower layer. Never rejects; the layer stays when it could not be moved. */
  async function move(partMax: number): Promise<void> {
    if (last === undefined) return;
    const { appliedSequence, counters: counted } = last;
    try {
      await moveLowered(young, tables, { epoch, appliedSequence }, counted, {
        partMax,
        crashPoint,
      });
      journal.free(appliedSequence);
    } catch (error) {
      log.error('queue could not move what is young to its tables', { error });
    }
  }

  function lower(): void {
    young.lower();
    last = { appliedSequence: journal.sequence, counters: countersChange(counters) };
    isOld = false;
    timer?.cancel();
    timer = undefined;
  }

  function arm(): void {
    if (isClosing || timer !== undefined || (young.isEmpty && young.lowered === undefined)) return;
    timer = options.clock.after(limits.youngMsMax, () => {
      timer = undefined;
      isOld = true;
      options.wake();
    });
  }

  /** Begins to move what is young; waits only for what is being moved already. */
  async function turn(): Promise<void> {
    await moving;
    if (young.lowered !== undefined) await move(limits.partMax);
    if (young.lowered !== undefined) return;
    // A part in the tables whose frames are lost with the power would stay a part.
    if (!(await isSynced(journal, log))) return;
    lower();
    if (journal.isFull) await beginSegment(journal, log);
    moving = move(limits.partMax).then(arm);
  }

  /** After a failed write everything goes to the tables, and with it an epoch to which nothing of the old files belongs. */
  async function repair(): Promise<void> {
    await moving;
    const before = epoch;
    try {
      if (young.lowered !== undefined) await move(Infinity);
      if (young.lowered !== undefined) return;
      lower();
      epoch = newEpoch(random);
      // In one transaction: what the frames say may not be synced, and can't be any more.
      await move(Infinity);
      if (young.lowered !== undefined) {
        epoch = before;
        return;
      }
      await journal.restart(epoch);
      log.info('queue has begun a new journal', {});
    } catch (error) {
      log.error('queue could not begin a new journal', { error });
    }
  }

  return {
    async recover() {
      const mark = readMark(tables);
      readCounters(tables, counters);
      const found = await readContent(options, mark);
      for (const frame of found.frames) {
        for (const change of frame.changes) young.apply(change, false);
        setCounters(counters, frame.counters);
      }
      epoch = mark?.epoch ?? epoch;
      journal.startBehind(found.frames.at(-1)?.sequence ?? mark?.appliedSequence ?? 0);
      crashPoint?.('recovery-read');
      // When the disk has no room, everything that writes is refused until it has, but what is there can be read.
      await repair();
      crashPoint?.('recovery-done');
      return found.damaged;
    },
    async ready() {
      if (journal.isBroken) await repair();
      else if (isOld || isAtLimit()) await turn();
      isRefusing = isAtLimit();
    },
    async commit(changes, isLazy) {
      if (isRefusing) {
        throw new MailError('E_QUEUE_STORE', 'what is young could not be moved to the tables');
      }
      await journal.append(changes, counterList(counters), isLazy);
      arm();
    },
    failed: () => (journal.isBroken ? repair() : Promise.resolve()),
    async close() {
      isClosing = true;
      timer?.cancel();
      await moving;
      if (!journal.isBroken) await turn();
      await moving;
      const isMoved = young.isEmpty && young.lowered === undefined && !journal.isBroken;
      if (isMoved) await closeMark(tables, { epoch, appliedSequence: journal.sequence }, log);
      await journal.close();
    },
  };
}

async function readContent({ disk, log }: JournaledOptions, mark: ReturnType<typeof readMark>) {
  if (mark === undefined || mark.isClosed) return { frames: [], damaged: [] };
  const content = await readJournal(disk, mark.epoch, mark.appliedSequence);
  for (const file of content.damaged)
    log.error('queue journal is damaged; what could be read goes on', { file });
  return content;
}

async function isSynced(journal: Journal, log: Logger): Promise<boolean> {
  try {
    await journal.sync();
    return true;
  } catch (error) {
    log.error('queue could not sync its journal', { error });
    return false;
  }
}

/** A full segment refuses the next commit; then this is tried again. */
async function beginSegment(journal: Journal, log: Logger): Promise<void> {
  try {
    await journal.beginSegment();
  } catch (error) {
    log.error('queue could not begin a segment of its journal', { error });
  }
}

function newEpoch(random: Random): Buffer {
  return Buffer.from(random.bytes(epochBytes));
}
