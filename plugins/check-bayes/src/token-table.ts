/** The table of tokens: scope and token → messages of each kind that had it, and the day on which that changed last. */
import type { Database, RootDatabase } from 'lmdb';
import type { Counts } from './classify.js';
import type { Tokens } from './tokens.js';

/** The octets that stand for a scope in keys. */
export const scopeOctets = 12;

/** A key of the table: the scope and the two hashes. */
export type TokenKey = Buffer;

/** How often a token was seen, and when that changed. */
export interface TokenRecord {
  readonly spam: number;
  readonly ham: number;
  readonly day: number;
}

/** The table. */
export type TokenTable = Database<Buffer, TokenKey>;

const word = 4;

const keyEncoder = {
  writeKey(key: TokenKey, target: Buffer, start: number): number {
    return start + key.copy(target, start);
  },
  readKey: (source: Buffer, start: number, end: number): TokenKey => Buffer.from(source.subarray(start, end)),
};

/** A key of a scope, to be pointed at one token after another. */
export function keyOf(scope: Buffer, first = 0, second = 0): TokenKey {
  const key = Buffer.alloc(scopeOctets + 2 * word);
  scope.copy(key);
  return pointAt(key, first, second);
}

/** Makes it the key of another token of its scope. */
export function pointAt(key: TokenKey, first: number, second: number): TokenKey {
  key.writeUInt32BE(first, scopeOctets);
  key.writeUInt32BE(second, scopeOctets + word);
  return key;
}

/** The key right behind another. */
export function following(key: TokenKey): TokenKey {
  const first = key.readUInt32BE(scopeOctets);
  const second = key.readUInt32BE(scopeOctets + word);
  return second < 0xffff_ffff ? keyOf(key, first, second + 1) : keyOf(key, first + 1, 0);
}

/** Opens the table. */
export function openTokenTable(root: RootDatabase<Buffer, string>): TokenTable {
  const options = { encoding: 'binary', cache: false, keyEncoder } as const;
  return root.openDB<Buffer, TokenKey>('tokens', options);
}

/** The record of a token. */
export function readRecord(table: TokenTable, key: TokenKey): TokenRecord | undefined {
  // A view that is good until the next read, and of which only the first octets are looked at: nothing is copied.
  const value = table.getBinaryFast(key);
  if (value === undefined) return undefined;
  return recordOf(value);
}

/** What the octets say. */
export function recordOf(value: Buffer): TokenRecord {
  return {
    spam: value.readUInt32LE(0),
    ham: value.readUInt32LE(word),
    day: value.readUInt32LE(2 * word),
  };
}

/** The octets of a record. */
export function octetsOf({ spam, ham, day }: TokenRecord): Buffer {
  const value = Buffer.alloc(3 * word);
  value.writeUInt32LE(spam, 0);
  value.writeUInt32LE(ham, word);
  value.writeUInt32LE(day, 2 * word);
  return value;
}

/** Reads the counts of tokens. */
export function readCounts(table: TokenTable, scope: Buffer, { length, hashes }: Tokens): Counts {
  const counts = { spam: new Uint32Array(length), ham: new Uint32Array(length) };
  const key = keyOf(scope);
  for (let at = 0; at < length; at++) {
    const first = hashes[2 * at] as number;
    const second = hashes[2 * at + 1] as number;
    const value = table.getBinaryFast(pointAt(key, first, second));
    if (value !== undefined) {
      counts.spam[at] = value.readUInt32LE(0);
      counts.ham[at] = value.readUInt32LE(word);
    }
  }
  return counts;
}
