/**
 * What goes to the client. Responses are gathered and written together; the owner flushes when it has nothing more to
 * say, or when `isFull` says that enough has gathered, and waits for `drained` so that a client that does not read
 * makes us stop instead of filling our memory.
 */
import type { Writable } from 'node:stream';
import { gatherOctetsMax, SpareBuffers } from './spare-buffers.js';

/** Text above this is turned into octets: long texts put together from many pieces are costly to turn at once. */
const textLengthMax = 4_096;
/** Octet pieces up to this size are copied, so that they go out with the text around them. */
const copyOctetsMax = 32_768;

/** The output of one connection. */
export class Output {
  #target: Writable;
  #text = '';
  /** Octets that come before the text: whole pieces, then what has been copied into a buffer. */
  #pieces: Uint8Array[] = [];
  #pieceOctets = 0;
  #buffer: Buffer | undefined;
  #used = 0;
  /** The whole of what `#buffer` is the rest of. */
  #whole: Buffer | undefined;
  readonly #spares: SpareBuffers;
  /** Whether the target has copied what it took at once: sockets have, streams that compress have not. */
  #isCopying = true;
  #flushTarget: () => void = () => {};

  constructor(target: Writable, spares = new SpareBuffers()) {
    this.#target = target;
    this.#spares = spares;
  }

  /**
   * Sends further output elsewhere: into TLS, or into compression with `flushTarget`, which pushes out what is in there.
   * What has gathered must have been flushed.
   */
  redirect(target: Writable, flushTarget?: () => void): void {
    this.#target = target;
    this.#isCopying = flushTarget === undefined;
    this.#flushTarget = flushTarget ?? (() => {});
  }

  /** Adds an octet string. */
  write(octets: string): void {
    this.#text += octets;
    if (this.#text.length > textLengthMax) this.#copyText();
  }

  /** Adds octets, which must not change until they are sent. */
  writeBytes(bytes: Uint8Array): void {
    this.#copyText();
    if (bytes.length <= copyOctetsMax) {
      const buffer = this.#room(bytes.length);
      buffer.set(bytes, this.#used);
      this.#used += bytes.length;
      return;
    }
    this.#seal();
    this.#pieces.push(bytes);
    this.#pieceOctets += bytes.length;
  }

  /** Whether enough has gathered to be worth sending. */
  get isFull(): boolean {
    return this.#text.length + this.#used + this.#pieceOctets >= gatherOctetsMax;
  }

  /** Whether nothing has gathered. */
  get isEmpty(): boolean {
    return this.#text === '' && this.#used === 0 && this.#pieces.length === 0;
  }

  /** Whether the client has not taken what was sent. */
  get isBlocked(): boolean {
    return this.#target.writableNeedDrain && !this.#target.destroyed;
  }

  /** Sends what has gathered. */
  flush(): void {
    if (this.isEmpty) return;
    const isGone = this.#target.destroyed || this.#target.writableEnded;
    if (this.#used === 0 && this.#pieces.length === 0) {
      if (!isGone) this.#target.write(this.#text, 'latin1');
      this.#text = '';
    } else {
      this.#copyText();
      this.#seal();
      const pieces = this.#pieces;
      this.#pieces = [];
      this.#pieceOctets = 0;
      if (!isGone) this.#send(pieces);
      this.#letGo();
    }
    this.#flushTarget();
  }

  /** Sends what has gathered and waits until the client has taken it, or is gone. */
  async drain(): Promise<void> {
    this.flush();
    if (!this.isBlocked) return;
    const target = this.#target;
    await new Promise<void>((resolve) => {
      const done = () => {
        target.off('drain', done);
        target.off('close', done);
        resolve();
      };
      target.once('drain', done);
      target.once('close', done);
    });
  }

  /** Sends what has gathered and ends the stream. */
  end(): void {
    this.flush();
    if (!this.#target.destroyed) this.#target.end();
  }

  #send(pieces: readonly Uint8Array[]): void {
    if (pieces.length > 1) this.#target.cork();
    for (const piece of pieces) this.#target.write(piece);
    if (pieces.length > 1) this.#target.uncork();
  }

  /** The buffer is free again when the system took everything; else it is left to the target, which still reads it. */
  #letGo(): void {
    const whole = this.#whole;
    this.#buffer = undefined;
    this.#whole = undefined;
    if (whole !== undefined && this.#isCopying && this.#target.writableLength === 0) this.#spares.give(whole);
  }

  #copyText(): void {
    const text = this.#text;
    if (text === '') return;
    this.#text = '';
    const buffer = this.#room(text.length);
    this.#used += buffer.write(text, this.#used, 'latin1');
  }

  /** The buffer, with room for so many octets behind what is used. */
  #room(octets: number): Buffer {
    if (this.#buffer !== undefined && this.#used + octets <= this.#buffer.length) return this.#buffer;
    this.#seal();
    this.#whole = octets > gatherOctetsMax ? Buffer.allocUnsafeSlow(octets) : this.#spares.take();
    this.#buffer = this.#whole;
    return this.#buffer;
  }

  /** Makes a piece of what has been copied; the rest of the buffer goes on being used. */
  #seal(): void {
    const buffer = this.#buffer;
    if (buffer === undefined || this.#used === 0) return;
    this.#pieces.push(buffer.subarray(0, this.#used));
    this.#pieceOctets += this.#used;
    this.#buffer = buffer.length - this.#used >= textLengthMax * 2 ? buffer.subarray(this.#used) : undefined;
    this.#used = 0;
  }
}
