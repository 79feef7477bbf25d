/** Bodies in memory: small messages, and the ones that tests and DSNs make. */
import { isAscii } from 'node:buffer';
import { createHash } from 'node:crypto';
import { type HeaderSection, parseHeader } from '../values/header.js';
import { type Body, type ByteRange, findHeaderEnd, headerOctetsMax } from './body.js';

/** A body over these octets, which must not change afterwards. Its content must have CRLF line ends. */
export function bodyFromBytes(bytes: Uint8Array): Body {
  return new InlineBody(bytes);
}

/** A class, because there is one for every message: what all have alike is made once. */
class InlineBody implements Body {
  readonly inline: Uint8Array;
  /** The same: who wraps a body and hides that it is in memory can still open it. */
  private readonly octets: Uint8Array;
  readonly file = undefined;
  readonly headerSizeBytes: number;
  readonly headerBytes: Uint8Array;
  #digest: string | undefined;
  #has8bit: boolean | undefined;
  #header: HeaderSection | undefined;

  constructor(bytes: Uint8Array) {
    this.inline = bytes;
    this.octets = bytes;
    this.headerSizeBytes = Math.min(findHeaderEnd(bytes), headerOctetsMax);
    this.headerBytes = bytes.subarray(0, this.headerSizeBytes);
  }

  get sizeBytes(): number {
    return this.inline.length;
  }

  get sha256(): string {
    this.#digest ??= createHash('sha256').update(this.inline).digest('hex');
    return this.#digest;
  }

  get has8bit(): boolean {
    this.#has8bit ??= hasOctetAbove127(this.inline);
    return this.#has8bit;
  }

  get header(): HeaderSection {
    this.#header ??= parseHeader(this.headerBytes);
    return this.#header;
  }

  async *open(range?: ByteRange): AsyncGenerator<Uint8Array> {
    yield range === undefined ? this.octets : this.octets.subarray(range.start, range.end);
  }

  retain(): void {}

  async release(): Promise<void> {}
}

/** Whether any octet is above 127. */
export function hasOctetAbove127(bytes: Uint8Array): boolean {
  return !isAscii(bytes);
}
