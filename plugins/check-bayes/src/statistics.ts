/** The statistics in LMDB: what was learnt, by scope (the server, or an account). Several processes may use them at once. */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MailError } from '@postroad/core';
import { type Database, open, type RootDatabase } from 'lmdb';
import type { Counts } from './classify.js';
import { CountsMirror } from './counts-mirror.js';
import {
  following,
  keyOf,
  octetsOf,
  openTokenTable,
  pointAt,
  readCounts,
  readRecord,
  recordOf,
  scopeOctets,
  type TokenTable,
} from './token-table.js';
import type { Tokens } from './tokens.js';

/** Spam or not. */
export type Kind = 'spam' | 'ham';

/** Whose statistics; `undefined` is the server's. */
export type Scope = string | undefined;

/** What was learnt in a scope: messages of each kind, and the tokens that are kept of them. */
export interface Learnt {
  readonly spam: number;
  readonly ham: number;
  readonly tokens: number;
}

/** A message to learn. */
export interface Lesson {
  readonly tokens: Tokens;
  /** Equal for the same message. */
  readonly key: string;
}

/** Open statistics. */
export interface Statistics {
  learnt(scope: Scope): Learnt;
  /** The counts of each token, in order. */
  counts(scope: Scope, tokens: Tokens): Counts;
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
const hashMax = 0xffff_ffff;
const serverKey = Buffer.alloc(scopeOctets);

/** Opens or makes the statistics; rejects with `E_COUNTERS`. */
export async function openStatistics(directory: string, nowMs: () => number): Promise<Statistics> {
  let root: RootDatabase<Buffer, string>;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    root = open<Buffer, string>({
      path: join(directory, 'statistics.mdb'),
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
  return new LmdbStatistics(root, openTokenTable(root), named('messages'), named('totals'), nowMs);
}

/** What was learnt, and a number that every change of the scope makes larger. */
interface Totals extends Learnt {
  readonly version: number;
}

class LmdbStatistics implements Statistics {
  readonly #root: RootDatabase<Buffer, string>;
  readonly #tokens: TokenTable;
  readonly #messages: Database<Buffer, string>;
  readonly #totals: Database<Buffer, string>;
  readonly #nowMs: () => number;
  readonly #mirror: CountsMirror;

  constructor(
    root: RootDatabase<Buffer, string>,
    tokens: TokenTable,
    messages: Database<Buffer, string>,
    totals: Database<Buffer, string>,
    nowMs: () => number,
  ) {
    this.#root = root;
    this.#tokens = tokens;
    this.#messages = messages;
    this.#totals = totals;
    this.#nowMs = nowMs;
    this.#mirror = new CountsMirror(tokens, serverKey, nowMs);
  }

  learnt(scope: Scope): Learnt {
    const { spam, ham, tokens } = this.#totalsOf(prefixOf(scope));
    return { spam, ham, tokens };
  }

  counts(scope: Scope, tokens: Tokens): Counts {
    if (scope === undefined) {
      const mirrored = this.#mirror.counts(tokens, this.#totalsOf(prefixOf(scope)));
      if (mirrored !== undefined) return mirrored;
    }
    return readCounts(this.#tokens, scopeKey(scope), tokens);
  }

  async learn(scope: Scope, kind: Kind, lessons: readonly Lesson[], tokensMax: number): Promise<number> {
    const changed = await this.#root.transaction(
      () => lessons.filter((lesson) => this.#learnOne(scope, kind, lesson)).length,
    );
    if (changed > 0 && this.learnt(scope).tokens > tokensMax) await this.#clear(scope, tokensMax);
    return changed;
  }

  async close(): Promise<void> {
    await this.#mirror.stop();
    await this.#root.close();
  }

  /** Within a transaction. */
  #learnOne(scope: Scope, kind: Kind, { tokens, key }: Lesson): boolean {
    const message = prefixOf(scope) + createHash('sha256').update(key).digest('hex').slice(0, 32);
    const before = this.#messages.get(message)?.toString('latin1', 4);
    if (before === kind) return false;
    if (before !== undefined) this.#count(scope, before as Kind, tokens, -1);
    this.#count(scope, kind, tokens, 1);
    const value = Buffer.alloc(4 + kind.length);
    value.writeUInt32LE(this.#today(), 0);
    value.write(kind, 4);
    this.#messages.putSync(message, value);
    return true;
  }

  /** Within a transaction. */
  #count(scope: Scope, kind: Kind, { length, hashes }: Tokens, by: 1 | -1): void {
    const day = this.#today();
    const key = keyOf(scopeKey(scope));
    let added = 0;
    for (let at = 0; at < length; at++) {
      pointAt(key, hashes[2 * at] as number, hashes[2 * at + 1] as number);
      const known = readRecord(this.#tokens, key);
      const spam = Math.max(0, (known?.spam ?? 0) + (kind === 'spam' ? by : 0));
      const ham = Math.max(0, (known?.ham ?? 0) + (kind === 'ham' ? by : 0));
      if (known === undefined) added++;
      if (spam + ham > 0) {
        this.#tokens.putSync(key, octetsOf({ spam, ham, day }));
        continue;
      }
      added--;
      this.#tokens.removeSync(key);
    }
    const { version } = this.#totalsOf(prefixOf(scope));
    this.#change(scope, { [kind]: by, tokens: added });
    if (scope === undefined) this.#mirror.add({ length, hashes }, kind, by, version);
  }

  /** Takes out the rarest, of them the oldest first, until a fifth is free again. In steps, so that nobody waits long. */
  async #clear(scope: Scope, tokensMax: number): Promise<void> {
    const target = Math.floor(tokensMax * 0.8);
    for (let rare = 1; rare <= 64 && this.learnt(scope).tokens > target; rare *= 2) {
      for (const age of [30, 7, 0]) {
        await this.#sweepTokens(scope, rare, this.#today() - age, target);
        if (this.learnt(scope).tokens <= target) break;
      }
    }
    await this.#sweepMessages(prefixOf(scope), Math.max(1_000, Math.floor(tokensMax * messagesPerToken)));
  }

  async #sweepTokens(scope: Scope, rare: number, before: number, target: number): Promise<void> {
    const own = scopeKey(scope);
    let start = keyOf(own);
    const end = keyOf(own, hashMax, hashMax);
    for (let isMore = true; isMore; ) {
      isMore = await this.#root.transaction(() => {
        let [looked, taken] = [0, 0];
        const enough = this.learnt(scope).tokens - target;
        for (const { key, value } of this.#tokens.getRange({ start, end, limit: stepEntries })) {
          looked++;
          start = following(key);
          const { spam, ham, day } = recordOf(value);
          if (taken >= enough || spam + ham > rare || day > before) continue;
          this.#tokens.removeSync(key);
          taken++;
        }
        if (taken > 0) this.#change(scope, { tokens: -taken });
        return looked === stepEntries && taken < enough;
      });
    }
  }

  /** Which messages were learnt is remembered for as long as there is room. */
  async #sweepMessages(prefix: string, messagesMax: number): Promise<void> {
    let start = prefix;
    const end = `${prefix}~`;
    let over = this.#messages.getKeysCount({ start, end }) - messagesMax;
    for (let isMore = over > 0; isMore; ) {
      isMore = await this.#root.transaction(() => {
        const keys = [...this.#messages.getKeys({ start, end, limit: Math.min(over, stepEntries) })];
        for (const key of keys) this.#messages.removeSync(key);
        start = keys.at(-1) ?? start;
        over -= keys.length;
        return over > 0 && keys.length > 0;
      });
    }
  }

  /** Within a transaction. */
  #change(scope: Scope, by: Partial<Learnt>): void {
    const prefix = prefixOf(scope);
    const { spam, ham, tokens, version } = this.#totalsOf(prefix);
    const value = Buffer.alloc(16);
    value.writeUInt32LE(Math.max(0, spam + (by.spam ?? 0)), 0);
    value.writeUInt32LE(Math.max(0, ham + (by.ham ?? 0)), 4);
    value.writeUInt32LE(Math.max(0, tokens + (by.tokens ?? 0)), 8);
    value.writeUInt32LE((version + 1) >>> 0, 12);
    this.#totals.putSync(prefix, value);
  }

  #totalsOf(prefix: string): Totals {
    const found = this.#totals.get(prefix);
    if (found === undefined) return { spam: 0, ham: 0, tokens: 0, version: 0 };
    return {
      spam: found.readUInt32LE(0),
      ham: found.readUInt32LE(4),
      tokens: found.readUInt32LE(8),
      version: found.readUInt32LE(12),
    };
  }

  #today(): number {
    return Math.floor(this.#nowMs() / dayMs);
  }
}

/** Keys of a scope begin with it; accounts may be called anything, so they are hashed. */
function prefixOf(scope: Scope): string {
  return scope === undefined ? 'server:' : `${scopeKey(scope).toString('hex')}:`;
}

function scopeKey(scope: Scope): Buffer {
  if (scope === undefined) return serverKey;
  return createHash('sha256').update(scope).digest().subarray(0, scopeOctets);
}
