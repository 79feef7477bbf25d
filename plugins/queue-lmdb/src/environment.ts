/** The LMDB environment: its databases, and commits that are durable when they resolve. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isMailError, MailError } from '@postroad/core';
import { type Database, open, type RootDatabase } from 'lmdb';
import { checkDatabaseFile } from './check-file.js';

/** The databases. Values are octets. */
export interface Environment {
  /** Id: message with its inline body. */
  readonly messages: Database<Buffer, string>;
  /** Recipient key: recipients that are not leased. */
  readonly recipients: Database<Buffer, string>;
  /** Recipient key: recipients that are leased; read at the start only. */
  readonly leased: Database<Buffer, string>;
  /** Due key: nothing. One for each recipient that is ready or waiting. */
  readonly due: Database<Buffer, Buffer>;
  /** Counters. */
  readonly facts: Database<Buffer, string>;
  /** Records that could not be read, by where they were. */
  readonly quarantine: Database<Buffer, string>;
  /**
   * Commits the writes in one transaction. Rejects with `E_QUEUE_STORE` when nothing of them was kept.
   */
  commit(writes: readonly (() => Promise<unknown>)[]): Promise<void>;
  close(): Promise<void>;
}

/** Nothing, as a value. */
export const empty = Buffer.alloc(0);

/** Opens or makes the environment. */
export async function openEnvironment(directory: string): Promise<Environment> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await checkDatabaseFile(join(directory, 'queue.mdb'));
    return databasesOf(
      open({
        path: join(directory, 'queue.mdb'),
        noSubdir: true,
        maxDbs: 8,
        // What resolves must be on disk, and must not be seen before it is.
        overlappingSync: false,
        encoding: 'binary',
        // Commits are grouped by the commit queue. This one's own grouping has a promise that nobody can listen to.
        eventTurnBatching: false,
      }),
    );
  } catch (cause) {
    if (isMailError(cause)) throw cause;
    throw new MailError('E_QUEUE_STORE', `the queue in ${directory} can't be opened`, { cause });
  }
}

function databasesOf(root: RootDatabase<Buffer, string>): Environment {
  const named = <K extends string | Buffer>(name: string, keyEncoding: 'ordered-binary' | 'binary') =>
    root.openDB<Buffer, K>({ name, encoding: 'binary', keyEncoding, cache: false });
  const facts = named<string>('facts', 'ordered-binary');
  return {
    messages: named<string>('messages', 'ordered-binary'),
    recipients: named<string>('recipients', 'ordered-binary'),
    leased: named<string>('leased', 'ordered-binary'),
    due: named<Buffer>('due', 'binary'),
    quarantine: named<string>('quarantine', 'ordered-binary'),
    facts,
    async commit(writes) {
      try {
        // Most writes share one promise, but each one must be listened to: an unheard rejection ends the process.
        const promises = new Set<Promise<unknown>>();
        const whole = root.batch(() => {
          for (const write of writes) promises.add(write());
        });
        await Promise.all(promises.add(whole));
      } catch (error) {
        throw await commitError(error);
      }
    },
    close: () => root.close(),
  };
}

/** The reason of a failed commit is a promise of its own, which must be listened to or the process ends. */
async function commitError(error: unknown): Promise<MailError> {
  let cause = error;
  if (typeof error === 'object' && error !== null && 'commitError' in error) {
    cause = await Promise.resolve(error.commitError).then(
      () => error,
      (reason: unknown) => reason,
    );
  }
  return new MailError('E_QUEUE_STORE', 'the queue could not be written', { cause });
}
