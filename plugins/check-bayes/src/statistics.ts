/** The statistics in LMDB: what was learnt, by scope (the server, or an account). Several processes may use them at once. */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MailError } from '@postroad/core';
import { type Database, open, type RootDatabase } from 'lmdb';
import type { Counts } from './classify.js';
import type { TokenKey } from './tokens.js';

/** Spam or not. */
export type Kind = 'spam' | 'ham';

/** Whose statistics; `undefined` is the server's. */
export type Scope = string | undefined;

/** What was learnt in a scope. */
export interface Learnt extends Counts {
  readonly tokens: number;
}

/** A message to learn. */
export interface Lesson {
  readonly tokens: readonly TokenKey[];
  /** Equal for the same message. */
  readonly key: string;
}

/** Open statistics. */
export interface Statistics {
  learnt(scope: Scope): Learnt;
  /** The counts of each token, in order. */
  counts(scope: Scope, tokens: readonly TokenKey[]): readonly Counts[];
  /**
   * Learns messages, in one commit. What was learnt as the same before is not learnt again, what was learnt as the other
   * is unlearnt first; the messages' keys tell. Resolves with how many changed anything.
   */
  learn(scope: Scope, kind: Kind, lessons: readonly Lesson[], tokensMax: number): Promise<number>;
  close(): Promise<void>;
}

const dayMs = 86_400_000;
/** Messages whose kind is remembered, for each token that may be kept. */
const messagesPerToken = 0.1;
/** Entries that one commit of a clean-up looks at. */
const stepEntries = 2_000;

/** Opens or makes the statistics; rejects with `E_COUNTERS`. */
export async function openStatistics(directory: string, nowMs: () => number): Promise<Statistics> {
  let root: RootDatabase<Buffer, string>;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    root = open<Buffer, string>({
      path: join(directory, 'bayes.mdb'),
      noSubdir: true,
      maxDbs: 4,
      encoding: 'binary',
      overlappingSync: false,
    });
  } catch (cause) {
    throw new MailError('E_COUNTERS', `the statistics in ${directory} can't be opened`, { cause });
  }
  const named = (name: string): Database<Buffer, string> =>
    root.openDB({ name, encoding: 'binary', cache: false });
  return new LmdbStatistics(root, named('tokens'), named('messages'), named('totals'), nowMs);
}

class LmdbStatistics implements Statistics {
  readonly #root: RootDatabase<Buffer, string>;
  readonly #tokens: Database<Buffer, string>;
  readonly #messages: Database<Buffer, string>;
  readonly #totals: Database<Buffer, string>;
  readonly #nowMs: () => number;

  constructor(
    root: RootDatabase<Buffer, string>,
    tokens: Database<Buffer, string>,
    messages: Database<Buffer, string>,
    totals: Database<Buffer, string>,
    nowMs: () => number,
  ) {
    this.#root = root;
    this.#tokens = tokens;
    this.#messages = messages;
    this.#totals = totals;
    this.#nowMs = nowMs;
  }

  learnt(scope: Scope): Learnt {
    const found = this.#totals.get(prefixOf(scope));
    if (found === undefined) return { spam: 0, ham: 0, tokens: 0 };
    return { spam: found.readUInt32LE(0), ham: found.readUInt32LE(4), tokens: found.readUInt32LE(8) };
  }

  counts(scope: Scope, tokens: readonly TokenKey[]): readonly Counts[] {
    const prefix = prefixOf(scope);
    return tokens.map((token) => readCounts(this.#tokens.get(prefix + token)));
  }

  async learn(scope: Scope, kind: Kind, lessons: readonly Lesson[], tokensMax: number): Promise<number> {
    const prefix = prefixOf(scope);
    const changed = await this.#root.transaction(
      () => lessons.filter((lesson) => this.#learnOne(prefix, kind, lesson)).length,
    );
    if (changed > 0 && this.learnt(scope).tokens > tokensMax) await this.#clear(prefix, tokensMax);
    return changed;
  }

  close(): Promise<void> {
    return this.#root.close();
  }

  /** Within a transaction. */
  #learnOne(prefix: string, kind: Kind, { tokens, key }: Lesson): boolean {
    const message = prefix + createHash('sha256').update(key).digest('hex').slice(0, 32);
    const before = this.#messages.get(message)?.toString('latin1', 4);
    if (before === kind) return false;
    if (before !== undefined) this.#count(prefix, before as Kind, tokens, -1);
    this.#count(prefix, kind, tokens, 1);
    this.#messages.putSync(message, Buffer.concat([day(this.#nowMs()), Buffer.from(kind)]));
    return true;
  }

  /** Within a transaction. */
  #count(prefix: string, kind: Kind, tokens: readonly TokenKey[], by: 1 | -1): void {
    const today = day(this.#nowMs());
    let added = 0;
    for (const token of tokens) {
      const key = prefix + token;
      const known = this.#tokens.get(key);
      const { spam, ham } = readCounts(known);
      const next = {
        spam: Math.max(0, spam + (kind === 'spam' ? by : 0)),
        ham: Math.max(0, ham + (kind === 'ham' ? by : 0)),
      };
      if (next.spam + next.ham === 0) {
        if (known !== undefined) added--;
        this.#tokens.removeSync(key);
        continue;
      }
      if (known === undefined) added++;
      this.#tokens.putSync(key, countsRecord(next, today));
    }
    const total = this.#totals.get(prefix) ?? Buffer.alloc(12);
    const value = Buffer.alloc(12);
    value.writeUInt32LE(Math.max(0, total.readUInt32LE(0) + (kind === 'spam' ? by : 0)), 0);
    value.writeUInt32LE(Math.max(0, total.readUInt32LE(4) + (kind === 'ham' ? by : 0)), 4);
    value.writeUInt32LE(Math.max(0, total.readUInt32LE(8) + added), 8);
    this.#totals.putSync(prefix, value);
  }

  /** Takes out the rarest, of them the oldest first, until a fifth is free again. In steps, so that nobody waits long. */
  async #clear(prefix: string, tokensMax: number): Promise<void> {
    const target = Math.floor(tokensMax * 0.8);
    for (let rare = 1; rare <= 64 && this.#tokensOf(prefix) > target; rare *= 2) {
      for (const age of [30, 7, 0]) {
        const before = Math.floor(this.#nowMs() / dayMs) - age;
        await this.#sweep(this.#tokens, prefix, (value) => {
          const { spam, ham } = readCounts(value);
          return spam + ham <= rare && value.readUInt32LE(8) <= before && this.#tokensOf(prefix) > target;
        });
        if (this.#tokensOf(prefix) <= target) break;
      }
    }
    // Which messages were learnt is remembered for as long as there is room.
    const messagesMax = Math.max(1_000, Math.floor(tokensMax * messagesPerToken));
    let messages = this.#messages.getKeysCount({ start: prefix, end: `${prefix}~` });
    await this.#sweep(this.#messages, prefix, () => messages > messagesMax && messages-- > 0);
  }

  #tokensOf(prefix: string): number {
    return this.#totals.get(prefix)?.readUInt32LE(8) ?? 0;
  }

  async #sweep(
    table: Database<Buffer, string>,
    prefix: string,
    isOld: (value: Buffer) => boolean,
  ): Promise<void> {
    let start = prefix;
    for (let isMore = true; isMore; ) {
      isMore = await this.#root.transaction(() => {
        let looked = 0;
        for (const { key, value } of table.getRange({ start, end: `${prefix}~`, limit: stepEntries })) {
          looked++;
          start = `${key}\u0000`;
          if (!isOld(value)) continue;
          table.removeSync(key);
          if (table === this.#tokens) this.#decreaseTokens(prefix);
        }
        return looked === stepEntries;
      });
    }
  }

  #decreaseTokens(prefix: string): void {
    const value = Buffer.from(this.#totals.get(prefix) ?? Buffer.alloc(12));
    value.writeUInt32LE(Math.max(0, value.readUInt32LE(8) - 1), 8);
    this.#totals.putSync(prefix, value);
  }
}

/** Keys of a scope begin with it; accounts may be called anything, so they are hashed. */
function prefixOf(scope: Scope): string {
  if (scope === undefined) return 'server:';
  return `${createHash('sha256').update(scope).digest('hex').slice(0, 24)}:`;
}

function readCounts(value: Buffer | undefined): Counts {
  if (value === undefined) return { spam: 0, ham: 0 };
  return { spam: value.readUInt32LE(0), ham: value.readUInt32LE(4) };
}

function countsRecord({ spam, ham }: Counts, today: Buffer): Buffer {
  const value = Buffer.alloc(12);
  value.writeUInt32LE(spam, 0);
  value.writeUInt32LE(ham, 4);
  today.copy(value, 8);
  return value;
}

function day(nowMs: number): Buffer {
  const value = Buffer.alloc(4);
  value.writeUInt32LE(Math.floor(nowMs / dayMs));
  return value;
}
