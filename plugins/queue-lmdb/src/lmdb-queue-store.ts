/** The queue on LMDB with a journal before it, in a directory. One process works a directory at a time. */
import { join } from 'node:path';
import type { Clock, Logger, QueueStore, Random } from '@postroad/core';
import { openBodyFiles } from './body-files.js';
import type { CrashPoint } from './journal/journal.js';
import { openJournalDisk } from './journal/journal-disk.js';
import { defaultYoungLimits, type YoungLimits } from './journaled.js';
import { createQueueStore } from './queue-store.js';
import { openLmdbTables } from './tables/lmdb-tables.js';

/** Where the queue is kept, and what it works with. */
export interface LmdbQueueOptions {
  readonly directory: string;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: Random;
  /** How large what is young may become; for tests. */
  readonly limits?: Partial<YoungLimits>;
  /** Called at named moments; a test dies there. */
  readonly crashPoint?: CrashPoint;
}

/** Opens the queue of a directory. `E_QUEUE_STORE` when it can't be opened. */
export async function openLmdbQueueStore(options: LmdbQueueOptions): Promise<QueueStore> {
  const { directory, log, clock, random, crashPoint } = options;
  const tables = await openLmdbTables(directory);
  try {
    return createQueueStore({
      tables,
      disk: await openJournalDisk(join(directory, 'journal')),
      bodies: await openBodyFiles(join(directory, 'bodies'), log),
      limits: { ...defaultYoungLimits, ...options.limits },
      log,
      clock,
      random,
      crashPoint,
    });
  } catch (error) {
    await tables.close();
    throw error;
  }
}
