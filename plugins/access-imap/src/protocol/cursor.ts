/** Reading the words of a command: atoms, strings, numbers and lists (RFC 9051 section 9, formal syntax). */

import { isAscii, textOf } from './octets.js';
import type { Literal, RawCommand } from './reader-events.js';

/** What does not fit the grammar (`BAD`), or fits but is refused (`NO`). Caught by `parseCommand`. */
export class SyntaxFault extends Error {
  readonly status: 'NO' | 'BAD';
  readonly code: string | undefined;

  constructor(text: string, status: 'NO' | 'BAD' = 'BAD', code?: string) {
    super(text);
    this.status = status;
    this.code = code;
  }
}

/** How deep lists and search keys may nest. */
export const nestingMax = 50;

const atomPattern = /[^\s(){%*"\\\]\u0000-\u001f\u007f-\u00ff]+/y;
const astringPattern = /[^\s(){%*"\\\u0000-\u001f\u007f-\u00ff]+/y;
const listMailboxPattern = /[^\s(){"\\\u0000-\u001f\u007f]+/y;
const tagPattern = /[^\s(){%*"\\+\u0000-\u001f\u007f-\u00ff]{1,64}/y;
const digitsPattern = /\d{1,19}/y;
const quotedPattern = /"((?:[^"\\\r\n\u0000]|\\["\\])*)"/y;
const flagPattern = /\\?[^\s(){%*"\\\]\u0000-\u001f\u007f-\u00ff]+/y;

/** A place in a command. Every method throws `SyntaxFault` when something else stands there. */
export class Cursor {
  readonly #raw: RawCommand;
  #index = 0;
  #text: string;
  #at = 0;

  constructor(raw: RawCommand) {
    this.#raw = raw;
    this.#text = raw.texts[0] ?? '';
  }

  /** The character here, or `undefined` at the end of the command; `{` stands for a literal. */
  peek(): string | undefined {
    if (this.#at < this.#text.length) return this.#text[this.#at];
    return this.#index < this.#raw.literals.length ? '{' : undefined;
  }

  /** Whether the rest of this text begins with the word, whatever its case. */
  startsWith(word: string): boolean {
    return this.#text.slice(this.#at, this.#at + word.length).toUpperCase() === word;
  }

  isAtEnd(): boolean {
    return this.peek() === undefined;
  }

  end(): void {
    if (!this.isAtEnd()) throw new SyntaxFault('unexpected text at the end of the command');
  }

  /** Goes over the character if it stands here. */
  skip(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  expect(character: string): void {
    if (!this.skip(character)) throw new SyntaxFault(`expected '${character}'`);
  }

  space(): void {
    if (!this.skip(' ')) throw new SyntaxFault('a blank is missing');
  }

  tag(): string {
    return this.#match(tagPattern, 'the tag is missing');
  }

  atom(): string {
    return this.#match(atomPattern, 'expected a word');
  }

  /** An atom in capitals: names of commands, items and options. */
  word(): string {
    return this.atom().toUpperCase();
  }

  flag(): string {
    const flag = this.#match(flagPattern, 'expected a flag');
    if (flag.length > 255) throw new SyntaxFault('the flag is too long');
    return flag;
  }

  number(max = 0xffff_ffff): number {
    const value = Number(this.#match(digitsPattern, 'expected a number'));
    if (value > max) throw new SyntaxFault('the number is too large');
    return value;
  }

  /** A mod-sequence or a 63-bit number, exact up to 2^53. */
  number64(): number {
    return this.number(Number.MAX_SAFE_INTEGER);
  }

  nonZero(): number {
    const value = this.number();
    if (value === 0) throw new SyntaxFault('zero is not allowed here');
    return value;
  }

  /** A quoted string or literal, as octets. */
  string(): string {
    const here = this.peek();
    if (here === '"') return this.#quoted();
    if (here === '{') return this.literal();
    throw new SyntaxFault('expected a string');
  }

  /** A literal whose octets are in the command. */
  literal(): string {
    const octets = this.#takeLiteral().octets;
    if (octets === undefined) throw new SyntaxFault('a literal stands where none may');
    if (octets.includes('\0')) throw new SyntaxFault('a string must not have a NUL');
    return octets;
  }

  /** A literal that was streamed: its index among the streamed ones is for the caller to count. */
  streamedLiteral(): Literal {
    const literal = this.#takeLiteral();
    if (literal.octets !== undefined) throw new SyntaxFault('expected a message');
    return literal;
  }

  /** An atom, quoted string or literal, as octets. */
  astring(): string {
    const here = this.peek();
    if (here === '"' || here === '{') return this.string();
    return this.#match(astringPattern, 'expected a string');
  }

  /** An astring as text in UTF-8. */
  text(): string {
    return this.#utf8(this.astring());
  }

  /** A string or NIL. */
  nstring(): string | null {
    if (this.startsWith('NIL')) {
      this.#at += 3;
      return null;
    }
    return this.#utf8(this.string());
  }

  /** A string, literal8 or NIL, as octets of any kind. */
  nstringOctets(): string | null {
    if (this.startsWith('NIL')) {
      this.#at += 3;
      return null;
    }
    if (this.peek() !== '{') return this.string();
    const { octets } = this.#takeLiteral();
    if (octets === undefined) throw new SyntaxFault('a literal stands where none may');
    return octets;
  }

  /** A mailbox name with wildcards, as octets. */
  listMailbox(): string {
    const here = this.peek();
    if (here === '"' || here === '{') return this.string();
    return this.#match(listMailboxPattern, 'expected a mailbox pattern');
  }

  /** What matches the sticky pattern here. */
  #match(pattern: RegExp, message: string): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) throw new SyntaxFault(message);
    this.#at = pattern.lastIndex;
    return found[0];
  }

  /** What matches a sticky pattern of the caller, or `undefined`. */
  tryMatch(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return undefined;
    this.#at = pattern.lastIndex;
    return found[0];
  }

  /** `( item item ... )`; `isEmptyAllowed` allows `()`. */
  list(readItem: () => void, isEmptyAllowed = false): void {
    this.expect('(');
    if (isEmptyAllowed && this.skip(')')) return;
    for (;;) {
      readItem();
      if (this.skip(')')) return;
      this.space();
    }
  }

  #quoted(): string {
    const quoted = this.#match(quotedPattern, 'a quoted string is broken').slice(1, -1);
    return quoted.includes('\\') ? quoted.replace(/\\(["\\])/g, '$1') : quoted;
  }

  #takeLiteral(): Literal {
    const literal = this.#raw.literals[this.#index];
    if (this.#at < this.#text.length || literal === undefined) throw new SyntaxFault('expected a literal');
    this.#index++;
    this.#text = this.#raw.texts[this.#index] ?? '';
    this.#at = 0;
    return literal;
  }

  #utf8(octets: string): string {
    if (isAscii(octets)) return octets;
    const text = textOf(octets);
    if (text === undefined) throw new SyntaxFault('the text is not UTF-8');
    return text;
  }
}
