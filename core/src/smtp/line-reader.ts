/** Cuts a stream of octets into lines, bounded. */

const lf = 0x0a;
/** A line that goes on for so long past its limit is not waited for any more. */
const skipOctetsMax = 65_536;

/** What was wrong with a line. `endless`: over the limit by so much that its end was not waited for. */
export type LineProblem = 'long' | 'bare' | 'endless';

/** Reads one line at a time; a line may come in any number of pieces. */
export class LineReader {
  /** The line without its end, an octet a character; meaningful when `read` has found one. */
  line = '';
  problem: LineProblem | undefined;
  /** Whether the last `read` found the end of a line. */
  isComplete = false;
  #partial = '';
  #skipped = 0;

  /** Reads up to the end of the line or of the chunk; returns the index of the next octet. */
  read(chunk: Buffer, at: number, octetsMax: number): number {
    const end = chunk.indexOf(lf, at);
    const length = this.#partial.length + (end < 0 ? chunk.length : end) - at;
    if (this.#skipped > 0 || length > octetsMax + 1) return this.#skip(chunk, end, length);
    if (end < 0) {
      this.#partial += chunk.toString('latin1', at);
      this.isComplete = false;
      return chunk.length;
    }
    const text = chunk.toString('latin1', at, end);
    const whole = this.#partial === '' ? text : this.#partial + text;
    this.#partial = '';
    // RFC 5321 section 2.3.8: CRLF and nothing else ends a line.
    const hasCr = whole.charCodeAt(whole.length - 1) === 0x0d;
    this.line = hasCr ? whole.slice(0, -1) : whole;
    this.problem = hasCr ? undefined : 'bare';
    this.isComplete = true;
    return end + 1;
  }

  /** Forgets a line that has come in part (RFC 3207 section 4.2). */
  reset(): void {
    this.#partial = '';
    this.#skipped = 0;
  }

  #skip(chunk: Buffer, end: number, length: number): number {
    this.#partial = '';
    this.#skipped += length;
    const isEndless = this.#skipped > skipOctetsMax;
    this.isComplete = end >= 0 || isEndless;
    if (this.isComplete) {
      this.line = '';
      this.problem = isEndless ? 'endless' : 'long';
      this.#skipped = 0;
    }
    return end < 0 ? chunk.length : end + 1;
  }
}
