/** The tables in an LMDB environment, with commits that are durable when they resolve. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isMailError, MailError } from '@postroad/core';
import { type Database, open, type RootDatabase } from 'lmdb';
import { checkDatabaseFile } from './check-file.js';
import {
  type Change,
  type Entry,
  type KeyRange,
  octetsOf,
  type TableId,
  type Tables,
  table,
} from './tables.js';

type Key = string | Buffer;
type Databases = readonly Database<Buffer, Key>[];

/** Opens or makes the environment. */
export async function openLmdbTables(directory: string): Promise<Tables> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await checkDatabaseFile(join(directory, 'queue.mdb'));
    const root = open<Buffer, string>({
      path: join(directory, 'queue.mdb'),
      noSubdir: true,
      maxDbs: 8,
      // What resolves must be on disk, and must not be seen before it is.
      overlappingSync: false,
      encoding: 'binary',
      // Commits are grouped by the commit queue. This one's own grouping has a promise that nobody can listen to.
      eventTurnBatching: false,
    });
    return tablesOf(root);
  } catch (cause) {
    if (isMailError(cause)) throw cause;
    throw new MailError('E_QUEUE_STORE', `the queue in ${directory} can't be opened`, { cause });
  }
}

function tablesOf(root: RootDatabase<Buffer, string>): Tables {
  const databases = databasesOf(root);
  const of = (id: TableId): Database<Buffer, Key> => databases[id] as Database<Buffer, Key>;
  return {
    get: (id, key) => of(id).getBinary(keyOf(id, key)),
    has: (id, key) => of(id).doesExist(keyOf(id, key)),
    *range(id, range) {
      for (const { key, value } of of(id).getRange(boundsOf(id, range))) {
        yield { key: textOf(key), value } satisfies Entry;
      }
    },
    *keys(id, range) {
      for (const key of of(id).getKeys(boundsOf(id, range))) yield textOf(key);
    },
    async commit(changes) {
      try {
        // Most writes share one promise, but each one must be listened to: an unheard rejection ends the process.
        const promises = new Set<Promise<unknown>>();
        const room = roomForWholes(changes);
        const whole = root.batch(() => {
          for (const change of changes) promises.add(write(of(change.table), change, room));
        });
        await Promise.all(promises.add(whole));
      } catch (error) {
        throw await commitError(error);
      }
    },
    close: () => root.close(),
  };
}

function databasesOf(root: RootDatabase<Buffer, string>): Databases {
  const named = (name: string, keyEncoding: 'ordered-binary' | 'binary'): Database<Buffer, Key> =>
    root.openDB<Buffer, Key>({ name, encoding: 'binary', keyEncoding, cache: false });
  return [
    named('messages', 'ordered-binary'),
    named('recipients', 'ordered-binary'),
    named('leased', 'ordered-binary'),
    named('due', 'binary'),
    named('facts', 'ordered-binary'),
    named('quarantine', 'ordered-binary'),
  ];
}

function write(database: Database<Buffer, Key>, change: Change, room: Room): Promise<unknown> {
  const { table: id, key, value } = change;
  if (value === undefined) return database.remove(keyOf(id, key));
  return database.put(keyOf(id, key), change.rest === undefined ? value : room.join(value, change.rest));
}

/** Memory for values that are in pieces: one piece for all of a commit, which LMDB's thread reads until it is durable. */
interface Room {
  join(value: Buffer, rest: Uint8Array): Buffer;
}

function roomForWholes(changes: readonly Change[]): Room {
  let octets = 0;
  for (const change of changes) if (change.rest !== undefined) octets += octetsOf(change);
  const memory = Buffer.allocUnsafeSlow(octets);
  let end = 0;
  return {
    join(value, rest) {
      const start = end;
      memory.set(value, start);
      memory.set(rest, start + value.length);
      end += value.length + rest.length;
      return memory.subarray(start, end);
    },
  };
}

function keyOf(id: TableId, key: string): Key {
  return id === table.due ? Buffer.from(key, 'latin1') : key;
}

function textOf(key: Key): string {
  return typeof key === 'string' ? key : key.toString('latin1');
}

function boundsOf(id: TableId, { start, end }: KeyRange): { start: Key; end?: Key } {
  // An empty string would be no bound at all in one of the encodings.
  const from = keyOf(id, start === '' ? '\u0001' : start);
  return end === undefined ? { start: from } : { start: from, end: keyOf(id, end) };
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
