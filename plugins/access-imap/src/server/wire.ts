/** The two directions of a connection: octets to reader events, responses to the socket; TLS and compression between. */
import type { Duplex, Readable } from 'node:stream';
import { constants, createDeflateRaw, createInflateRaw } from 'node:zlib';
import type { ClientSocket } from '@postroad/core';
import { CommandReader, type ReaderEvent, type ReaderLimits } from '../protocol/index.js';
import { Output } from './output.js';
import type { SpareBuffers } from './spare-buffers.js';

/** Octets read ahead of the command being carried out, above which reading pauses. */
const readAheadOctetsMax = 131_072;

/** The wire of one connection. */
export class Wire {
  readonly output: Output;
  readonly reader: CommandReader;
  readonly #client: ClientSocket;
  #socket: Duplex;
  #source: Readable;
  #wake: (() => void) | undefined;
  #isEnded = false;
  #isCompressed = false;
  readonly #onData = (chunk: Buffer) => {
    this.reader.push(chunk);
    this.#wakeUp();
    if (this.reader.pendingOctets > readAheadOctetsMax) this.#source.pause();
  };
  readonly #onEnd = () => {
    this.#isEnded = true;
    this.#wakeUp();
  };

  constructor(client: ClientSocket, limits: ReaderLimits, spares?: SpareBuffers) {
    this.#client = client;
    this.#socket = client.socket;
    this.#source = client.socket;
    this.reader = new CommandReader(limits);
    this.output = new Output(client.socket, spares);
    client.socket.setNoDelay(true);
    this.#attach(client.socket);
  }

  /** Whether the client is gone or has finished. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  get isCompressed(): boolean {
    return this.#isCompressed;
  }

  /** Octets that went in both directions. */
  get octetsMoved(): number {
    const { bytesRead, bytesWritten } = this.#client.socket;
    return bytesRead + bytesWritten;
  }

  /** The next event; sends what has gathered before it waits. `undefined` when the client is gone. */
  async next(): Promise<ReaderEvent | undefined> {
    for (;;) {
      const event = this.reader.next();
      if (event !== undefined) return event;
      if (this.#isEnded) return undefined;
      await this.readable();
    }
  }

  /** Waits for octets or the end; sends what has gathered before. */
  async readable(): Promise<void> {
    this.output.flush();
    if (this.output.isBlocked) await this.output.drain();
    if (this.#isEnded) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#source.resume();
    });
  }

  /** Everything read before is dropped (RFC 9051 section 6.2.1), then TLS begins. */
  async startTls(): Promise<void> {
    this.output.flush();
    this.#detach();
    this.reader.reset();
    const socket = await this.#client.startTls();
    this.reader.reset();
    this.#socket = socket;
    this.output.redirect(socket);
    this.#attach(socket);
  }

  /** Compression in both directions (RFC 4978); octets read ahead are already compressed. */
  startCompression(): void {
    this.output.flush();
    this.#detach();
    const deflate = createDeflateRaw({ level: 6, memLevel: 8 });
    const inflate = createInflateRaw({ finishFlush: constants.Z_SYNC_FLUSH });
    const ahead = this.reader.pendingOctets;
    if (ahead > 0) inflate.write(this.reader.takeAll());
    const socket = this.#socket;
    socket.on('error', this.#onEnd);
    deflate.on('error', () => socket.destroy());
    inflate.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#onEnd();
      deflate.destroy();
      inflate.destroy();
    });
    socket.pipe(inflate);
    deflate.pipe(socket);
    this.#isCompressed = true;
    this.output.redirect(deflate, () => deflate.flush(constants.Z_SYNC_FLUSH));
    this.#attach(inflate);
  }

  /** Sends what has gathered, then `farewell`, and closes; the client gets a moment to read it. */
  close(farewell = ''): void {
    if (!this.#isEnded) this.output.write(farewell);
    this.output.flush();
    this.#isEnded = true;
    this.output.end();
    this.#wakeUp();
  }

  /** Closes at once. */
  destroy(): void {
    this.#isEnded = true;
    this.#socket.destroy();
    this.#wakeUp();
  }

  #attach(source: Readable): void {
    this.#source = source;
    // Who says that nothing more comes still reads the answers to what came before.
    this.#socket.allowHalfOpen = true;
    source.on('data', this.#onData);
    source.on('end', this.#onEnd);
    source.on('close', this.#onEnd);
    // The reason does not matter to us: the connection is gone, and `close` follows.
    source.on('error', this.#onEnd);
  }

  #detach(): void {
    const source = this.#source;
    source.pause();
    source.off('data', this.#onData);
    source.off('end', this.#onEnd);
    source.off('close', this.#onEnd);
    source.off('error', this.#onEnd);
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
