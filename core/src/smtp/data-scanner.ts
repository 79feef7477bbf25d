/**
 * Finds the end of DATA and takes the dots off (RFC 5321 section 4.5.2) in one pass over the chunks as they come. Only
 * CRLF, dot, CRLF ends the data, so no form of a message can be read as two. Bare CR, bare LF and NUL are noticed. The
 * content of BDAT (RFC 3030) goes the same way, without dots and with an end that is known from elsewhere.
 *
 * Octets are passed on as views into the chunks. Where a dot falls away the rest of the line moves down within the
 * chunk, which belongs to the scanner: a message full of dots then costs one view a chunk as any other.
 */

import { SuspectFinder } from './suspect-finder.js';

const cr = 0x0d;
const lf = 0x0a;
const dot = 0x2e;

/** Where the octets of the message go; `false` asks for a pause. */
export interface DataSink {
  write(chunk: Uint8Array): boolean;
}

/** What stands before the octet that comes next. */
type Before = 'line' | 'text' | 'cr' | 'line-dot' | 'line-dot-cr';

const crOctets = Buffer.from('\r');
const crLfOctets = Buffer.from('\r\n');
const blankOctets = Buffer.from(' ');

/** Scans one message at a time; `start` begins the next. */
export class DataScanner {
  /** Octets given to the sink. */
  sizeBytes = 0;
  hasBareLineEnd = false;
  hasNul = false;
  /** The sink asked for a pause during the last `scan`. */
  isSinkFull = false;
  #before: Before = 'line';
  #sink: DataSink | undefined;
  #mends = false;
  #hasDots = true;
  /** In the chunk being scanned: where the octets not yet given away begin, and where the gap left by dots is. */
  #from = 0;
  #kept = 0;
  #copied = 0;

  /**
   * `mends`: a bare LF becomes CRLF, a bare CR or NUL a blank; otherwise they are passed on and noticed. `hasDots`: the
   * octets are those of DATA.
   */
  start(sink: DataSink, options: { readonly mends: boolean; readonly hasDots: boolean }): void {
    this.sizeBytes = 0;
    this.hasBareLineEnd = false;
    this.hasNul = false;
    this.#before = 'line';
    this.#sink = sink;
    this.#mends = options.mends;
    this.#hasDots = options.hasDots;
  }

  /** Takes the chunk from `at` on; returns the index behind the end of the data, or -1 when it has not come yet. */
  scan(chunk: Buffer, at: number): number {
    this.isSinkFull = false;
    let next = at;
    while (this.#before !== 'text' && this.#before !== 'line' && next < chunk.length) {
      next = this.#crossBoundary(chunk, next);
      if (next < 0) return -next;
    }
    return next < chunk.length ? this.#scanLines(chunk, next) : -1;
  }

  /** The content of BDAT is over: a CR held back goes out, and a last line without its end gets one. */
  finish(): void {
    if (this.#before === 'cr') this.#bare(crOctets);
    if (this.#before !== 'line') this.#give(crLfOctets);
    this.#before = 'line';
  }

  /** One octet at the beginning of a chunk, behind octets held back from the one before. Negative: the end was here. */
  #crossBoundary(chunk: Buffer, at: number): number {
    const octet = chunk[at] as number;
    const before = this.#before;
    if (before === 'line-dot') {
      if (octet === cr) {
        this.#before = 'line-dot-cr';
        return at + 1;
      }
      // The dot was stuffing: it falls away.
      this.#before = 'text';
      return at;
    }
    if (octet === lf) {
      if (before === 'line-dot-cr') {
        this.#before = 'line';
        return -(at + 1);
      }
      this.#give(crLfOctets);
      this.#before = 'line';
      return at + 1;
    }
    // A CR that no LF follows; behind a lone dot that dot falls away as any first dot does.
    this.#bare(crOctets);
    this.#before = 'text';
    return at;
  }

  #scanLines(chunk: Buffer, start: number): number {
    this.#from = start;
    this.#kept = start;
    this.#copied = start;
    const suspects = new SuspectFinder(chunk);
    const end = chunk.length;
    let isLineStart = this.#before === 'line';
    let at = start;
    while (at < end) {
      if (isLineStart && chunk[at] === dot && this.#hasDots) {
        if (at + 2 >= end && !hasOtherText(chunk, at)) return this.#holdDot(chunk, at);
        if (chunk[at + 1] === cr && chunk[at + 2] === lf) return this.#finish(chunk, at);
        this.#cut(chunk, at, at + 1);
        at++;
      }
      isLineStart = false;
      at = suspects.next(at);
      if (at === end) break;
      const octet = chunk[at];
      if (octet === cr) {
        if (at + 1 === end) return this.#holdCr(chunk, at);
        if (chunk[at + 1] === lf) {
          at += 2;
          isLineStart = true;
          continue;
        }
      }
      this.#note(chunk, at, octet as number);
      at++;
    }
    this.#before = isLineStart ? 'line' : 'text';
    this.#giveUpTo(chunk, end);
    return -1;
  }

  #finish(chunk: Buffer, at: number): number {
    this.#giveUpTo(chunk, at);
    this.#before = 'line';
    return at + 3;
  }

  #holdDot(chunk: Buffer, at: number): number {
    this.#giveUpTo(chunk, at);
    this.#before = at + 1 === chunk.length ? 'line-dot' : 'line-dot-cr';
    return -1;
  }

  #holdCr(chunk: Buffer, at: number): number {
    this.#giveUpTo(chunk, at);
    this.#before = 'cr';
    return -1;
  }

  #note(chunk: Buffer, at: number, octet: number): void {
    if (octet !== 0 && octet !== cr && octet !== lf) return;
    if (octet === 0) this.hasNul = true;
    else this.hasBareLineEnd = true;
    if (!this.#mends) return;
    this.#giveUpTo(chunk, at);
    this.#give(octet === lf ? crLfOctets : blankOctets);
    this.#from = at + 1;
    this.#kept = at + 1;
    this.#copied = at + 1;
  }

  #bare(octets: Buffer): void {
    this.hasBareLineEnd = true;
    this.#give(this.#mends ? blankOctets : octets);
  }

  /** Leaves out the octets from `start` up to `end`. What stands before them is moved down over earlier gaps. */
  #cut(chunk: Buffer, start: number, end: number): void {
    this.#close(chunk, start);
    this.#copied = end;
  }

  #close(chunk: Buffer, upTo: number): void {
    if (this.#kept !== this.#copied) chunk.copyWithin(this.#kept, this.#copied, upTo);
    this.#kept += upTo - this.#copied;
    this.#copied = upTo;
  }

  #giveUpTo(chunk: Buffer, upTo: number): void {
    this.#close(chunk, upTo);
    if (this.#kept > this.#from) this.#give(chunk.subarray(this.#from, this.#kept));
  }

  #give(octets: Buffer): void {
    this.sizeBytes += octets.length;
    if (this.#sink?.write(octets) === false) this.isSinkFull = true;
  }
}

/** Whether more than the beginning of an end of data stands behind a dot at the end of a chunk. */
function hasOtherText(chunk: Buffer, at: number): boolean {
  return at + 1 < chunk.length && chunk[at + 1] !== cr;
}
