/**
 * The LMDB environment and its tables. Everything is in one environment, so that one commit changes all of it:
 * - `meta`: counters and the version of the layout;
 * - `accounts`: account id → AccountRecord; `names`: [account, name] → mailbox; `mailboxes`: mailbox → MailboxRecord;
 * - `entries`: [mailbox, UID] → entry; `log`: [mailbox, modSeq] → UIDs changed and removed;
 * - `messages`: message → prefix, body, structure; `bodies`: digest → facts and octets, or the name of a file;
 * - `shares`: how many show a message or a body, when it is more than one;
 * - `files`: names of body files; `threads`: [account, Message-ID] → thread; `keywords`: account → spellings;
 * - `annotations`: [mailbox, or 0 for accounts; account, or 0 for everybody] → entries and values;
 * - `shared`: [account's key, mailbox] → true, for each share that a mailbox's record tells of;
 * - `texts`: [segment of messages, bucket] → messages that have it (see `text-index.ts`).
 */
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Database, type Key, open, type RootDatabase } from 'lmdb';
import type { AccountRecord, MailboxRecord } from './records.js';

/** A key of two whole numbers, ordered by the first, then the second. */
export type PairKey = readonly [number, number];

/** The open tables. */
export interface Tables {
  readonly root: RootDatabase;
  readonly meta: Database<unknown, string>;
  readonly accounts: Database<AccountRecord, string>;
  readonly mailboxes: Database<MailboxRecord, number>;
  readonly names: Database<number, [number, string]>;
  readonly entries: Database<Buffer, PairKey & number[]>;
  readonly log: Database<Buffer, PairKey & number[]>;
  readonly messages: Database<unknown[], number>;
  readonly bodies: Database<Buffer, string>;
  readonly shares: Database<number, string | number>;
  readonly files: Database<string, string>;
  readonly threads: Database<number, [number, string]>;
  readonly keywords: Database<string[], number>;
  readonly texts: Database<Buffer, PairKey & number[]>;
  readonly shared: Database<true, [string, number]>;
  readonly annotations: Database<[entry: string, value: Uint8Array][], PairKey & number[]>;
}

/** The layout of this version; a store of another one is refused. */
export const layoutVersion = 1;

/** Makes the directory where it is missing and opens the environment. Throws what the system says. */
export function openTables(directory: string): Tables {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const root = open({
    path: join(directory, 'mailboxes.mdb'),
    maxDbs: 16,
    // With overlapping syncs a value can be read before it is durable.
    overlappingSync: false,
    // Commits are grouped by the committer; a transaction starts at once.
    eventTurnBatching: false,
    commitDelay: 0,
  });
  // A power cut must not take the file's name, once something in it was acknowledged.
  for (const path of [directory, dirname(directory)]) syncDirectory(path);
  const pairsOfValues = { encoding: 'msgpack', keyEncoder: pairKeyEncoder } as const;
  const pairs = { encoding: 'binary', keyEncoder: pairKeyEncoder } as const;
  return {
    root,
    meta: root.openDB('meta', {}),
    accounts: root.openDB('accounts', {}),
    mailboxes: root.openDB('mailboxes', {}),
    names: root.openDB('names', {}),
    entries: root.openDB('entries', pairs),
    log: root.openDB('log', pairs),
    messages: root.openDB('messages', {}),
    bodies: root.openDB('bodies', { encoding: 'binary' }),
    shares: root.openDB('shares', {}),
    files: root.openDB('files', {}),
    threads: root.openDB('threads', {}),
    keywords: root.openDB('keywords', {}),
    texts: root.openDB('texts', pairs),
    shared: root.openDB('shared', {}),
    annotations: root.openDB('annotations', pairsOfValues),
  };
}

/**
 * The octets of a key without a copy, good until the next read of any table. LMDB hands out one long buffer with a
 * `length` put over its own; what looks at the true length, as `Buffer.toString` of Node.js 24 does, would also see what
 * earlier reads left behind the value.
 */
export function viewOf<K extends Key>(table: Database<Buffer, K>, key: K): Buffer | undefined {
  const shared = table.getBinaryFast(key);
  if (shared === undefined) return undefined;
  return Buffer.from(shared.buffer, shared.byteOffset, shared.length);
}

function syncDirectory(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** A key for the tables of pairs; numbers below 2^32 and 2^53. */
export function pair(first: number, second: number): PairKey & number[] {
  return [first, second];
}

const pairKeyOctets = 12;

const pairKeyEncoder = {
  writeKey([first, second]: PairKey, target: Buffer, start: number): number {
    target.writeUInt32BE(first, start);
    target.writeUInt32BE(Math.floor(second / 2 ** 32), start + 4);
    target.writeUInt32BE(second >>> 0, start + 8);
    return start + pairKeyOctets;
  },
  readKey(source: Buffer, start: number): PairKey {
    return [
      source.readUInt32BE(start),
      source.readUInt32BE(start + 4) * 2 ** 32 + source.readUInt32BE(start + 8),
    ];
  },
};
