/**
 * A disk in memory under a journal and its tables. It refuses writes and syncs; processes die at any of its calls; and when
 * the power goes, of what was not synced any sectors are there and others not.
 */
import type { Random } from '@postroad/core';
import type { JournalDisk, JournalFile } from '../src/journal/journal-disk.js';
import type { Tables } from '../src/tables/tables.js';
import { createMemoryTables } from './memory-tables.js';

/** What becomes of one call. */
export type Fate = 'done' | 'refused' | 'death';

/** The calls that change the disk. */
export type Call = 'write' | 'sync' | 'make' | 'remove' | 'commit';

/** A process as the disk sees it. */
export interface DiskUser {
  isAlive(): boolean;
  die(): void;
  /** Asked at every call that changes the disk. */
  fate: (call: Call) => Fate;
  /** How long a call takes. */
  pause?(): Promise<void>;
}

/** See the file's comment. */
export interface SimulatedDisk {
  /** What a process has opened; after its death none of its calls changes anything or resolves. */
  journal(user: DiskUser): JournalDisk;
  tables(user: DiskUser): Tables;
  /** The power goes: what was not synced is there in part. Without it a death loses nothing that was written. */
  losePower(): void;
  /** The octets of a segment as they are now. */
  readonly files: ReadonlyMap<string, { cache: Buffer }>;
}

interface SimulatedFile {
  /** What the system shows. */
  cache: Buffer;
  /** What is on the disk. */
  durable: Buffer;
  unsynced: { readonly at: number; readonly bytes: Buffer }[];
}

const sectorBytes = 512;
const nothing = Buffer.from(new ArrayBuffer(0));
const never = <T>(): Promise<T> => new Promise<T>(() => {});

/** An empty disk. */
export function createSimulatedDisk(random: Random, roomBytes = 1 << 30): SimulatedDisk {
  const files = new Map<string, SimulatedFile>();
  const kept = createMemoryTables();

  /** One call: done, refused or the last one of its process; `part` is what it may do of it when it fails. */
  async function act<T>(user: DiskUser, call: Call, run: () => T, part: () => void = () => {}): Promise<T> {
    if (!user.isAlive()) return never();
    await user.pause?.();
    if (!user.isAlive()) return never();
    const fate = user.fate(call);
    if (fate === 'done') return run();
    if (fate === 'refused') {
      part();
      throw Object.assign(new Error('no space left on device, or a broken one'), { code: 'EIO' });
    }
    if (random.number() < 0.5) run();
    else part();
    user.die();
    return never();
  }

  function open(user: DiskUser, file: SimulatedFile): JournalFile {
    return {
      sizeBytes: file.cache.length,
      write: (bytes, at) =>
        act(
          user,
          'write',
          () => put(file, Buffer.from(bytes), at),
          () => put(file, Buffer.from(bytes.subarray(0, Math.floor(random.number() * bytes.length))), at),
        ),
      writeDurably: (bytes, at) =>
        act(
          user,
          'write',
          () => {
            file.cache = written(file.cache, bytes, at);
            file.durable = written(file.durable, bytes, at);
            // What is written of these places later is what is there now.
            file.unsynced = file.unsynced.map((one) => ({
              at: one.at,
              bytes: Buffer.from(file.cache.subarray(one.at, one.at + one.bytes.length)),
            }));
          },
          () => put(file, Buffer.from(bytes.subarray(0, Math.floor(random.number() * bytes.length))), at),
        ),
      sync: () =>
        act(
          user,
          'sync',
          () => flush(file),
          // A failed sync may have written some, and forgets the rest: the next one will not write it.
          () => flush(file, () => random.number() < 0.5),
        ),
      read: async () => Buffer.from(file.cache),
      close: async () => {},
    };
  }

  return {
    files,
    journal: (user) => ({
      list: async () => [...files.keys()].sort(),
      open(name) {
        const known = files.get(name);
        if (known !== undefined) return Promise.resolve(open(user, known));
        return act(user, 'make', () => {
          const made = { cache: nothing, durable: nothing, unsynced: [] };
          files.set(name, made);
          return open(user, made);
        });
      },
      remove: (name) => act(user, 'remove', () => void files.delete(name)),
      setAside: async (name) => `${name}.damaged`,
      freeBytes: async () => roomBytes,
    }),
    tables: (user) => ({
      ...kept,
      commit: (changes) => act(user, 'commit', () => void kept.apply(changes)),
      close: async () => {},
    }),
    losePower() {
      for (const file of files.values()) {
        flush(file, () => random.number() < 0.5);
        file.cache = written(nothing, file.durable, 0);
      }
    },
  };
}

function put(file: SimulatedFile, bytes: Buffer, at: number): void {
  file.cache = written(file.cache, bytes, at);
  file.unsynced.push({ at, bytes });
}

/** Brings what is not synced to the disk: all of it, or the sectors that are chosen. */
function flush(file: SimulatedFile, isWritten?: () => boolean): void {
  for (const { at, bytes } of file.unsynced) {
    if (isWritten === undefined) {
      file.durable = written(file.durable, bytes, at);
      continue;
    }
    for (let from = 0; from < bytes.length; from += sectorBytes) {
      if (isWritten())
        file.durable = written(file.durable, bytes.subarray(from, from + sectorBytes), at + from);
    }
  }
  file.unsynced = [];
}

/** The file with the octets; the same memory when there is room for them. */
function written(old: Buffer, bytes: Buffer, at: number): Buffer {
  const end = at + bytes.length;
  let all = old;
  if (old.length < end) {
    const room = old.buffer.byteLength >= end ? old.buffer : grown(old, 2 * end);
    all = Buffer.from(room, 0, end);
  }
  bytes.copy(all, at);
  return all;
}

function grown(old: Buffer, bytes: number): ArrayBuffer {
  const room = new ArrayBuffer(bytes);
  old.copy(Buffer.from(room));
  return room;
}
