/**
 * What goes to the client. Responses are gathered and written together; the owner flushes when it has nothing more to
 * say, or when `isFull` says that enough has gathered, and waits for `drained` so that a client that does not read
 * makes us stop instead of filling our memory.
 */
import type { Writable } from 'node:stream';

/** Gathered octets above which a writer should call `drain`. */
const gatherOctetsMax = 65_536;
/** Octet pieces up to this size are joined with the text around them. */
const joinOctetsMax = 8_192;

/** The output of one connection. */
export class Output {
  #target: Writable;
  #text = '';
  #chunks: (string | Uint8Array)[] = [];
  #chunkOctets = 0;
  #flushTarget: () => void = () => {};

  constructor(target: Writable) {
    this.#target = target;
  }

  /** Sends further output elsewhere: into TLS or compression. What has gathered must have been flushed. */
  redirect(target: Writable, flushTarget: () => void = () => {}): void {
    this.#target = target;
    this.#flushTarget = flushTarget;
  }

  /** Adds an octet string. */
  write(octets: string): void {
    this.#text += octets;
  }

  /** Adds octets, which must not change until they are sent. */
  writeBytes(bytes: Uint8Array): void {
    if (bytes.length <= joinOctetsMax) {
      this.#text += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
      return;
    }
    this.#seal();
    this.#chunks.push(bytes);
    this.#chunkOctets += bytes.length;
  }

  /** Whether enough has gathered to be worth sending. */
  get isFull(): boolean {
    return this.#text.length + this.#chunkOctets >= gatherOctetsMax;
  }

  /** Whether nothing has gathered. */
  get isEmpty(): boolean {
    return this.#text === '' && this.#chunks.length === 0;
  }

  /** Whether the client has not taken what was sent. */
  get isBlocked(): boolean {
    return this.#target.writableNeedDrain && !this.#target.destroyed;
  }

  /** Sends what has gathered. */
  flush(): void {
    if (this.isEmpty) return;
    const text = this.#text;
    this.#text = '';
    if (this.#target.destroyed || this.#target.writableEnded) {
      this.#chunks = [];
    } else if (this.#chunks.length === 0) {
      this.#target.write(text, 'latin1');
    } else {
      this.#target.cork();
      for (const chunk of this.#chunks) this.#target.write(chunk, 'latin1');
      if (text !== '') this.#target.write(text, 'latin1');
      this.#target.uncork();
      this.#chunks = [];
    }
    this.#chunkOctets = 0;
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

  #seal(): void {
    if (this.#text === '') return;
    this.#chunks.push(this.#text);
    this.#chunkOctets += this.#text.length;
    this.#text = '';
  }
}
