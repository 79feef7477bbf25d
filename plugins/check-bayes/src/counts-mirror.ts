/**
 * The server's own counts in memory. A message has some thousand tokens, and each would be a question to LMDB; here each is
 * a look into an array, of 17 octets for a place and at most four places for a token. It is filled in the background once
 * messages are judged, follows what this process learns at once, and what others learn when it is filled anew.
 */
import type { Counts } from './classify.js';
import { following, keyOf, recordOf, scopeOctets, type TokenKey, type TokenTable } from './token-table.js';
import type { Tokens } from './tokens.js';

/** Messages after which it is worth its memory: commands judge a few and end. */
const messagesBefore = 10;
/** Entries that are read before others get their turn. */
const stepEntries = 1_000;
/** It is not filled anew more often. */
const refillMs = 30_000;

interface Version {
  readonly version: number;
  readonly tokens: number;
}

/** See the file's comment. What it does not know yet is to be read from the table. */
export class CountsMirror {
  readonly #table: TokenTable;
  readonly #scope: Buffer;
  readonly #nowMs: () => number;
  #cells: CountCells | undefined;
  #version = 0;
  #filledAtMs = 0;
  #asked = 0;
  #filling: Promise<void> | undefined;
  #isStopped = false;

  constructor(table: TokenTable, scope: Buffer, nowMs: () => number) {
    this.#table = table;
    this.#scope = scope;
    this.#nowMs = nowMs;
  }

  /** The counts; `undefined` before it is filled. When others have learnt meanwhile, they may be half a minute old. */
  counts({ length, hashes }: Tokens, now: Version): Counts | undefined {
    const cells = this.#cells;
    this.#asked++;
    const isOld = cells === undefined || now.version !== this.#version;
    if (isOld && this.#asked > messagesBefore && this.#mayFill()) this.#fill(now);
    if (cells === undefined) return undefined;
    const counts = { spam: new Uint32Array(length), ham: new Uint32Array(length) };
    for (let at = 0; at < length; at++)
      cells.read(hashes[2 * at] as number, hashes[2 * at + 1] as number, counts, at);
    return counts;
  }

  /** Follows what this process has learnt, unless it has missed something before: `version` is the one it was added to. */
  add({ length, hashes }: Tokens, kind: 'spam' | 'ham', by: 1 | -1, version: number): void {
    if (this.#cells === undefined || version !== this.#version) return;
    for (let at = 0; at < length; at++)
      this.#cells.add(hashes[2 * at] as number, hashes[2 * at + 1] as number, kind, by);
    this.#version = version + 1;
  }

  /** Ends a filling that is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#filling;
  }

  #mayFill(): boolean {
    const isEarly = this.#cells !== undefined && Math.abs(this.#nowMs() - this.#filledAtMs) < refillMs;
    return this.#filling === undefined && !this.#isStopped && !isEarly;
  }

  #fill({ version, tokens }: Version): void {
    this.#filling = this.#read(new CountCells(tokens))
      .then((cells) => {
        if (cells === undefined) return;
        this.#cells = cells;
        this.#version = version;
      })
      // What can't be read is asked of the table again, and fails where it is noticed.
      .catch(() => undefined)
      .finally(() => {
        this.#filledAtMs = this.#nowMs();
        this.#filling = undefined;
      });
  }

  async #read(cells: CountCells): Promise<CountCells | undefined> {
    let start: TokenKey = keyOf(this.#scope);
    const end = keyOf(this.#scope, 0xffff_ffff, 0xffff_ffff);
    for (let isMore = true; isMore; ) {
      if (this.#isStopped) return undefined;
      let read = 0;
      for (const { key, value } of this.#table.getRange({ start, end, limit: stepEntries })) {
        const { spam, ham } = recordOf(value);
        const first = key.readUInt32BE(scopeOctets);
        const second = key.readUInt32BE(scopeOctets + 4);
        cells.add(first, second, 'spam', spam);
        cells.add(first, second, 'ham', ham);
        start = following(key);
        read++;
      }
      isMore = read === stepEntries;
      await new Promise((resolve) => setImmediate(resolve));
    }
    return cells;
  }
}

const columns = 4;
const [spamColumn, hamColumn] = [2, 3];

/** Token → counts, with open addressing in one array, never more than half full. */
class CountCells {
  #cells: Uint32Array;
  #isUsed: Uint8Array;
  #length = 0;

  constructor(tokens: number) {
    const places = 2 ** Math.ceil(Math.log2(Math.max(1_024, 2 * tokens)));
    this.#cells = new Uint32Array(places * columns);
    this.#isUsed = new Uint8Array(places);
  }

  read(first: number, second: number, { spam, ham }: Counts, at: number): void {
    const place = this.#placeOf(first, second);
    if (this.#isUsed[place] === 0) return;
    spam[at] = this.#cells[place * columns + spamColumn] as number;
    ham[at] = this.#cells[place * columns + hamColumn] as number;
  }

  add(first: number, second: number, kind: 'spam' | 'ham', by: number): void {
    const place = this.#placeOf(first, second);
    const cell = place * columns;
    if (this.#isUsed[place] === 0) {
      this.#isUsed[place] = 1;
      this.#cells[cell] = first;
      this.#cells[cell + 1] = second;
      this.#length++;
    }
    const column = cell + (kind === 'spam' ? spamColumn : hamColumn);
    this.#cells[column] = Math.max(0, (this.#cells[column] as number) + by);
    if (2 * this.#length > this.#isUsed.length) this.#grow();
  }

  #placeOf(first: number, second: number): number {
    const mask = this.#isUsed.length - 1;
    for (let place = first & mask; ; place = (place + 1) & mask) {
      if (this.#isUsed[place] === 0) return place;
      const cell = place * columns;
      if (this.#cells[cell] === first && this.#cells[cell + 1] === second) return place;
    }
  }

  #grow(): void {
    const [cells, isUsed] = [this.#cells, this.#isUsed];
    this.#cells = new Uint32Array(cells.length * 2);
    this.#isUsed = new Uint8Array(isUsed.length * 2);
    for (let place = 0; place < isUsed.length; place++) {
      if (isUsed[place] === 0) continue;
      const cell = place * columns;
      const next = this.#placeOf(cells[cell] as number, cells[cell + 1] as number);
      this.#isUsed[next] = 1;
      this.#cells.set(cells.subarray(cell, cell + columns), next * columns);
    }
  }
}
