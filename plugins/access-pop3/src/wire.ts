/** One client's socket as lines in and pieces out, with bounds on both and one deadline for silence. */
import type { Socket } from 'node:net';
import { type ChunkTaker, type Clock, readSocket, type Timer } from '@postroad/core';
import { Scratch } from './scratch.js';

/** Stands for a line that was longer than allowed; it has been skipped. */
export const tooLong = Symbol('a line that is too long');

/** What a wire is made with. */
export interface WireOptions {
  readonly clock: Clock;
  readonly lineOctetsMax: number;
  /** How long the client may neither send nor take anything. */
  readonly silenceMs: number;
  /** Where answers are put together; the sessions of a server share it. */
  readonly scratch?: Scratch;
  /** Where sockets are read into; the sessions of a server share it. */
  readonly readBuffer?: Buffer | undefined;
}

const lf = 0x0a;
const cr = 0x0d;
/** Answers are gathered up to this size, so that pipelined commands share a packet. */
const outputOctetsMax = 65_536;
/** Commands a client may send ahead before it is left to wait. */
const inputOctetsMax = 65_536;
const nothing = Buffer.alloc(0);

/** Reads and writes for one session, one call after another. */
export class Wire implements ChunkTaker {
  #socket: Socket | undefined;
  #input: Buffer = nothing;
  #isSkipping = false;
  #pieces: (string | Uint8Array)[] = [];
  #outputOctets = 0;
  /** The server wants no further command. */
  #isStopped = false;
  /** The client sends nothing more; what it has sent is still done, a QUIT above all. */
  #hasEnded = false;
  #wake: (() => void) | undefined;
  #silenceMs: number;
  #lastProgressMs: number;
  #timer: Timer | undefined;
  readonly #clock: Clock;
  readonly #lineOctetsMax: number;
  readonly #scratch: Scratch;
  readonly #readBuffer: Buffer | undefined;
  #stopReading: (() => void) | undefined;

  constructor(socket: Socket, options: WireOptions) {
    this.#clock = options.clock;
    this.#lineOctetsMax = options.lineOctetsMax;
    this.#scratch = options.scratch ?? new Scratch();
    this.#readBuffer = options.readBuffer;
    this.#silenceMs = options.silenceMs;
    this.#lastProgressMs = this.#clock.monotonic();
    this.attach(socket);
    this.#watchSilence(options.silenceMs);
  }

  /** Whether nobody will take another octet. */
  get isGone(): boolean {
    return this.#socket === undefined || this.#socket.destroyed;
  }

  /** Goes on with this socket; what was read before is forgotten. */
  attach(socket: Socket): void {
    this.#input = nothing;
    this.#isSkipping = false;
    this.#socket = socket;
    // Who says that nothing more comes still reads the answers to what came before.
    socket.allowHalfOpen = true;
    this.#stopReading = readSocket(socket, this.#readBuffer, this);
    socket.on('drain', this.#onProgress);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onEnd);
    socket.on('error', this.#onEnd);
  }

  /** Says this, lets go of the socket, and drops what the client has sent ahead (RFC 2595 section 4). */
  detach(text: string): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.write(text);
    this.#push(socket);
    this.#stopReading?.();
    socket.off('drain', this.#onProgress);
    socket.off('end', this.#onEnd);
    this.#input = nothing;
    this.#isSkipping = false;
  }

  /** Takes what the client has sent; a shared chunk is another one's in a moment. */
  takeChunk(chunk: Buffer, isShared: boolean): void {
    if (this.#input.length > 0) this.#input = Buffer.concat([this.#input, chunk]);
    else this.#input = isShared ? Buffer.from(chunk) : chunk;
    if (this.#input.length > inputOctetsMax) this.#socket?.pause();
    this.#onProgress();
  }

  /** The next line without its end; `undefined` when none is there yet. */
  line(): string | typeof tooLong | undefined {
    const input = this.#input;
    const end = input.indexOf(lf);
    if (end < 0) {
      if (input.length > this.#lineOctetsMax) {
        this.#isSkipping = true;
        this.#input = nothing;
      }
      return undefined;
    }
    this.#input = input.subarray(end + 1);
    const isTooLong = this.#isSkipping || end > this.#lineOctetsMax;
    this.#isSkipping = false;
    if (isTooLong) return tooLong;
    return input.toString('utf8', 0, end > 0 && input[end - 1] === cr ? end - 1 : end);
  }

  /** Waits for a whole line, with all answers handed over before; `undefined` when there will be none. */
  async nextLine(): Promise<string | typeof tooLong | undefined> {
    for (;;) {
      if (this.#isStopped) return undefined;
      const line = this.line();
      if (line !== undefined) return line;
      if (this.#pieces.length > 0) await this.flush();
      if (this.#hasEnded) return undefined;
      // Something may have come while the client was taking its answers.
      if (this.#input.includes(lf) || this.#isStopped) continue;
      this.#socket?.resume();
      await this.#wait();
    }
  }

  /** Gathers text (ASCII) for the client. */
  write(text: string): void {
    const last = this.#pieces.length - 1;
    const piece = this.#pieces[last];
    if (typeof piece === 'string') this.#pieces[last] = piece + text;
    else this.#pieces.push(text);
    this.#outputOctets += text.length;
  }

  /** Gathers octets for the client; they must not change until the next `flush`. */
  writeBytes(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#pieces.push(bytes);
    this.#outputOctets += bytes.length;
  }

  /** Whether so much has gathered that it is time to flush. */
  get isFull(): boolean {
    return this.#outputOctets >= outputOctetsMax;
  }

  /** Hands over what has gathered, and waits while the client takes nothing. */
  async flush(): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined || this.#pieces.length === 0) return;
    this.#push(socket);
    while (!this.#isStopped && !socket.destroyed && socket.writableNeedDrain) await this.#wait();
  }

  /** From now on the client may be silent for so long. */
  allowSilence(silenceMs: number): void {
    this.#silenceMs = silenceMs;
    this.#watchSilence(silenceMs);
  }

  /** Stops reading: a command under way is finished, and no further one is read. */
  stop(): void {
    this.#isStopped = true;
    this.#wake?.();
  }

  /** Sends what has gathered and closes; a client that takes nothing is cut off after a while. */
  close(): void {
    this.stop();
    this.#timer?.cancel();
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed) return;
    this.#push(socket);
    socket.destroySoon();
    const timer = this.#clock.after(10_000, () => socket.destroy());
    socket.once('close', () => timer.cancel());
  }

  /** Cuts the connection: for an answer that can't be finished. */
  abort(): void {
    this.stop();
    this.#pieces = [];
    this.#socket?.destroy();
  }

  #push(socket: Socket): void {
    const pieces = this.#pieces;
    const octets = this.#outputOctets;
    this.#pieces = [];
    this.#outputOctets = 0;
    if (socket.destroyed || !socket.writable) return;
    if (pieces.length > 1 && octets <= outputOctetsMax) {
      this.#scratch.write(socket, pieces, octets);
      return;
    }
    socket.cork();
    for (const piece of pieces) {
      if (typeof piece === 'string') socket.write(piece, 'latin1');
      else socket.write(piece);
    }
    socket.uncork();
  }

  async #wait(): Promise<void> {
    this.#lastProgressMs = this.#clock.monotonic();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }

  /** One timer for the whole connection: it looks how long ago something happened, and comes back when it is due. */
  #watchSilence(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(delayMs, () => {
      if (this.#isStopped) return;
      const silentMs = this.#clock.monotonic() - this.#lastProgressMs;
      if (this.#wake === undefined) this.#watchSilence(this.#silenceMs);
      else if (silentMs < this.#silenceMs) this.#watchSilence(this.#silenceMs - silentMs);
      else this.abort();
    });
  }

  readonly #onProgress = (): void => {
    this.#lastProgressMs = this.#clock.monotonic();
    this.#wake?.();
  };

  readonly #onEnd = (): void => {
    this.#hasEnded = true;
    this.#wake?.();
  };
}
