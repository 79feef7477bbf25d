/**
 * Cuts the octets of a client into commands (RFC 9051 section 2.2.1, literals in 4.3). No I/O and no promises: the
 * owner pushes what arrives and takes events until there are none. How the octets are cut into chunks never changes the
 * events. Everything is bounded by `ReaderLimits`; what is over a bound becomes a `fault`, and the reader goes on behind
 * the command whenever it can tell where the command ends.
 */
import { GrowingBuffer } from './growing-buffer.js';
import type { Literal, ReaderEvent, ReaderLimits } from './reader-events.js';

type Mode = 'command' | 'line' | 'literal-asked' | 'keep' | 'stream' | 'skip-literal' | 'skip-line' | 'dead';

const lf = 0x0a;
const cr = 0x0d;
/** Enough of a skipped line's end to see a literal there. */
const tailOctets = 24;
const literalPattern = /(~?)\{(\d{1,19})([+-]?)\}$/;
const tagPattern = /^[^\s()%*"\\{+\u0000-\u001f\u007f-\u00ff]{1,64}$/;

/** The reader of one connection. */
export class CommandReader {
  limits: ReaderLimits;
  readonly #buffer = new GrowingBuffer();
  #mode: Mode = 'command';
  #texts: string[] = [];
  #literals: Literal[] = [];
  #octets = 0;
  #remaining = 0;
  #isBinary = false;
  #isSynchronizing = false;
  #tail = '';
  #skipFault: ReaderEvent | undefined;

  constructor(limits: ReaderLimits) {
    this.limits = limits;
  }

  /** Octets that wait to be read. */
  get pendingOctets(): number {
    return this.#buffer.length;
  }

  /** Takes octets from the connection; they must not be changed afterwards. */
  push(bytes: Uint8Array): void {
    this.#buffer.push(bytes);
  }

  /** Drops everything read ahead, as STARTTLS demands (RFC 9051 section 6.2.1). */
  reset(): void {
    this.#buffer.clear();
    this.#startCommand();
  }

  /** All octets read ahead: they belong to another layer, such as compression. */
  takeAll(): Uint8Array {
    return this.#buffer.take(this.#buffer.length);
  }

  /** The next event, or `undefined` when more octets are needed. */
  next(): ReaderEvent | undefined {
    for (;;) {
      const before = this.#mode;
      const event = this.#step();
      if (event !== undefined || this.#mode === before) return event;
    }
  }

  /** Keeps the literal just announced in memory. */
  keepLiteral(): void {
    this.#mode = 'keep';
  }

  /** Hands the literal just announced over as `octets` events. */
  streamLiteral(): void {
    this.#mode = 'stream';
  }

  /**
   * Gives the command up. A client that waits for a continuation request will not send the literal; one that does not
   * wait sends it, and the reader skips it together with the rest of the command. `false` when it is too big to skip:
   * the connection can't go on.
   */
  refuseLiteral(): boolean {
    if (this.#isSynchronizing) this.#startCommand();
    else if (this.#remaining > this.limits.skipOctetsMax) this.#mode = 'dead';
    else this.#mode = 'skip-literal';
    return this.#mode !== 'dead';
  }

  /** Makes the next line an event of its own: for DONE and the answers of AUTHENTICATE. */
  expectLine(): void {
    this.#mode = 'line';
  }

  #step(): ReaderEvent | undefined {
    switch (this.#mode) {
      case 'command':
        return this.#readCommandLine();
      case 'line':
        return this.#readPlainLine();
      case 'keep':
        return this.#keep();
      case 'stream':
        return this.#stream();
      case 'skip-literal':
        return this.#skipLiteral();
      case 'skip-line':
        return this.#skipLine();
      case 'literal-asked':
      case 'dead':
        return undefined;
    }
  }

  #startCommand(): void {
    this.#mode = 'command';
    this.#texts = [];
    this.#literals = [];
    this.#octets = 0;
    this.#tail = '';
  }

  /** One line without its line break; `undefined` when it is not whole yet, `null` when it is too long. */
  #takeLine(): string | undefined | null {
    const end = this.#buffer.indexOf(lf);
    const length = end < 0 ? this.#buffer.length : end;
    if (length > this.limits.lineOctetsMax) return null;
    if (end < 0) return undefined;
    const isCrLf = end > 0 && this.#buffer.at(end - 1) === cr;
    const line = this.#buffer.text(isCrLf ? end - 1 : end);
    this.#buffer.drop(end + 1);
    return line;
  }

  #readPlainLine(): ReaderEvent | undefined {
    const line = this.#takeLine();
    if (line === undefined) return undefined;
    if (line === null) return this.#die('the line is too long');
    this.#startCommand();
    return { kind: 'line', octets: line };
  }

  #readCommandLine(): ReaderEvent | undefined {
    const line = this.#takeLine();
    if (line === undefined) return undefined;
    if (line === null) {
      this.#noteTag(this.#buffer.text(Math.min(this.#buffer.length, 80)));
      return this.#skipFrom('the command line is too long');
    }
    this.#texts.push(line);
    this.#octets += line.length;
    const literal = literalPattern.exec(line);
    if (literal === null) return this.#finishCommand();
    return this.#announce(literal, line);
  }

  #finishCommand(): ReaderEvent {
    const command = { texts: this.#texts, literals: this.#literals };
    const tag = this.#tag();
    const isOver = this.#octets > this.limits.commandOctetsMax;
    this.#startCommand();
    if (isOver) return { kind: 'fault', tag, text: 'the command is too long', isFatal: false };
    return { kind: 'command', command };
  }

  #announce(literal: RegExpExecArray, line: string): ReaderEvent {
    this.#texts[this.#texts.length - 1] = line.slice(0, literal.index);
    this.#remaining = Number(literal[2]);
    this.#isBinary = literal[1] === '~';
    // RFC 7888: `+` does not wait; `-` belongs to the capability's name only and is no valid mark.
    this.#isSynchronizing = literal[3] === '';
    if (literal[3] === '-' || !Number.isSafeInteger(this.#remaining)) return this.#die('not a literal');
    if (this.#literals.length >= this.limits.literalsMax) return this.#refuse('too many literals');
    // Text between literals counts too, also where these are streamed.
    if (this.#octets > this.limits.commandOctetsMax) return this.#refuse('the command is too long');
    this.#mode = 'literal-asked';
    return {
      kind: 'literal',
      command: { texts: [...this.#texts], literals: [...this.#literals] },
      sizeOctets: this.#remaining,
      isSynchronizing: this.#isSynchronizing,
      isBinary: this.#isBinary,
    };
  }

  /** Whether a literal of that size may be kept in memory with what the command holds already. */
  canKeep(sizeOctets: number): boolean {
    return (
      sizeOctets <= this.limits.literalOctetsMax && this.#octets + sizeOctets <= this.limits.commandOctetsMax
    );
  }

  #refuse(text: string): ReaderEvent {
    const fault: ReaderEvent = { kind: 'fault', tag: this.#tag(), text, isFatal: false };
    return this.refuseLiteral() ? fault : this.#die(text);
  }

  #keep(): ReaderEvent | undefined {
    if (this.#buffer.length < this.#remaining) return undefined;
    const octets = this.#buffer.text(this.#remaining);
    this.#buffer.drop(this.#remaining);
    this.#octets += this.#remaining;
    this.#literals.push({ octets, sizeOctets: this.#remaining, isBinary: this.#isBinary });
    this.#mode = 'command';
    return undefined;
  }

  #stream(): ReaderEvent | undefined {
    if (this.#buffer.length === 0 && this.#remaining > 0) return undefined;
    const bytes = this.#buffer.take(Math.min(this.#buffer.length, this.#remaining));
    if (this.#literals.length < this.#texts.length) {
      const size = this.#remaining;
      this.#literals.push({ octets: undefined, sizeOctets: size, isBinary: this.#isBinary });
    }
    this.#remaining -= bytes.length;
    const isLast = this.#remaining === 0;
    if (isLast) this.#mode = 'command';
    return { kind: 'octets', bytes, isLast };
  }

  #skipLiteral(): ReaderEvent | undefined {
    const skipped = Math.min(this.#buffer.length, this.#remaining);
    this.#buffer.drop(skipped);
    this.#remaining -= skipped;
    if (this.#remaining > 0) return undefined;
    this.#mode = 'skip-line';
    this.#tail = '';
    return undefined;
  }

  #skipFrom(text: string): ReaderEvent | undefined {
    this.#skipFault = { kind: 'fault', tag: this.#tag(), text, isFatal: false };
    this.#tail = '';
    this.#mode = 'skip-line';
    return undefined;
  }

  /** Skips to the end of the command: literals that the client does not wait with belong to it. */
  #skipLine(): ReaderEvent | undefined {
    const end = this.#buffer.indexOf(lf);
    const length = end < 0 ? this.#buffer.length : end + 1;
    const from = Math.max(0, length - tailOctets);
    this.#tail = (this.#tail + this.#buffer.slice(from, length)).slice(-tailOctets);
    this.#buffer.drop(length);
    if (end < 0) return undefined;
    const literal = literalPattern.exec(this.#tail.replace(/\r?\n$/, ''));
    if (literal?.[3] === '+') {
      this.#remaining = Number(literal[2]);
      if (this.#remaining > this.limits.skipOctetsMax) return this.#die('the command is too long');
      this.#mode = 'skip-literal';
      return undefined;
    }
    const fault = this.#skipFault;
    this.#skipFault = undefined;
    this.#startCommand();
    return fault;
  }

  #noteTag(line: string): void {
    if (this.#texts.length === 0) this.#texts.push(line);
  }

  #tag(): string {
    const tag = (this.#texts[0] ?? '').split(' ', 1)[0] ?? '';
    return tagPattern.test(tag) ? tag : '*';
  }

  #die(text: string): ReaderEvent {
    const tag = this.#tag();
    this.#mode = 'dead';
    this.#buffer.clear();
    return { kind: 'fault', tag, text, isFatal: true };
  }
}
