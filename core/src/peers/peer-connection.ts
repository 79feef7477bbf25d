/**
 * A connection to another program that is asked something, such as a filter: octets out with back pressure, octets in
 * by count, by line or to the end, everything bounded. Whatever goes wrong rejects with `E_PEER`.
 */
import { connect, type LookupFunction, type Socket } from 'node:net';
import { MailError, messageOf } from '../errors.js';
import type { Resolver } from '../services/resolver.js';
import { formatPeerAddress, type PeerAddress } from './peer-address.js';

/** A connection to a peer. One may read and write at the same time, but not read twice at the same time. */
export interface PeerConnection {
  /** Resolves when more may be written. */
  send(octets: Uint8Array): Promise<void>;
  /** Says that nothing more will be sent; the answer may still come. */
  end(): void;
  /** Exactly so many octets. */
  take(octets: number): Promise<Buffer>;
  /** Up to the terminator, which is one octet and left out. */
  takeUntil(terminator: number, octetsMax: number): Promise<Buffer>;
  /** What is left until the peer closes; rejects above the limit. */
  rest(octetsMax: number): AsyncGenerator<Buffer>;
  /** Whether nothing was received that was not taken, and the peer has not closed. */
  readonly isQuiet: boolean;
  /** Ends it at once; waiting calls reject. May be called again. */
  close(reason?: unknown): void;
}

/** How to reach a peer. */
export interface OpenPeerOptions {
  readonly address: PeerAddress;
  /** Asked for the addresses of names. */
  readonly resolver: Resolver;
  /** Closes the connection when it aborts, at any time. */
  readonly signal: AbortSignal;
}

const bufferedOctetsMax = 1_048_576;

/** Connects; the caller closes it. */
export async function openPeer(options: OpenPeerOptions): Promise<PeerConnection> {
  const { address, signal, resolver } = options;
  signal.throwIfAborted();
  const socket =
    address.kind === 'unix'
      ? connect({ path: address.path })
      : connect({
          host: address.host,
          port: address.port,
          lookup: lookUpWith(resolver, signal),
          noDelay: true,
        });
  const connection = new SocketPeer(socket, formatPeerAddress(address));
  const abort = () => connection.close(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  socket.once('close', () => signal.removeEventListener('abort', abort));
  await connection.opened();
  return connection;
}

/** A `lookup` for sockets and requests that asks the resolver. */
export function lookUpWith(resolver: Resolver, signal: AbortSignal): LookupFunction {
  return (name, how, done) => {
    resolver.addresses(name, signal).then(
      (found) => {
        const addresses = found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
        const [first] = addresses;
        if (first === undefined) done(new Error(`${name} has no address`), '');
        else if (how.all === true) done(null, addresses);
        else done(null, first.address, first.family);
      },
      (error: Error) => done(error, ''),
    );
  };
}

class SocketPeer implements PeerConnection {
  readonly #socket: Socket;
  readonly #name: string;
  readonly #chunks: Buffer[] = [];
  #buffered = 0;
  #hasEnded = false;
  #failure: MailError | undefined;
  #wake: (() => void) | undefined;
  #drained: (() => void) | undefined;

  constructor(socket: Socket, name: string) {
    this.#socket = socket;
    this.#name = name;
    socket.on('data', (chunk: Buffer) => this.#add(chunk));
    socket.on('end', () => {
      this.#hasEnded = true;
      this.#wakeUp();
    });
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the connection was closed')));
    socket.on('drain', () => this.#wakeUp());
  }

  opened(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) reject(this.#failure);
      this.#socket.once('connect', () => resolve());
      this.#socket.once('close', () => reject(this.#failure));
    });
  }

  async send(octets: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#socket.write(octets)) return;
    while (this.#failure === undefined && this.#socket.writableNeedDrain) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  end(): void {
    this.#socket.end();
  }

  async take(octets: number): Promise<Buffer> {
    while (this.#buffered < octets) {
      // What is wanted whole is let in whole.
      this.#socket.resume();
      await this.#more();
    }
    return this.#cut(octets);
  }

  async takeUntil(terminator: number, octetsMax: number): Promise<Buffer> {
    for (;;) {
      const at = this.#indexOf(terminator);
      if (at >= 0 && at <= octetsMax) {
        const found = this.#cut(at + 1);
        return found.subarray(0, at);
      }
      if (this.#buffered > octetsMax) throw this.#error(`it sent more than ${octetsMax} octets in one piece`);
      this.#socket.resume();
      await this.#more();
    }
  }

  async *rest(octetsMax: number): AsyncGenerator<Buffer> {
    let left = octetsMax;
    for (;;) {
      const octets = this.#cut(this.#buffered);
      left -= octets.length;
      if (left < 0) throw this.#error(`it sent more than ${octetsMax} octets`);
      if (octets.length > 0) yield octets;
      if (this.#buffered > 0) continue;
      if (this.#hasEnded) return;
      await this.#more();
    }
  }

  get isQuiet(): boolean {
    return this.#buffered === 0 && !this.#hasEnded && this.#failure === undefined;
  }

  close(reason?: unknown): void {
    this.#fail(reason ?? new Error('closed by us'));
    this.#socket.destroy();
  }

  #add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    if (this.#buffered > bufferedOctetsMax) this.#socket.pause();
    this.#wakeUp();
  }

  #indexOf(octet: number): number {
    let before = 0;
    for (const chunk of this.#chunks) {
      const at = chunk.indexOf(octet);
      if (at >= 0) return before + at;
      before += chunk.length;
    }
    return -1;
  }

  #cut(octets: number): Buffer {
    const whole = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    this.#chunks.length = 0;
    if (whole.length > octets) this.#chunks.push(whole.subarray(octets));
    this.#buffered -= octets;
    if (this.#buffered <= bufferedOctetsMax) this.#socket.resume();
    return whole.subarray(0, octets);
  }

  async #more(): Promise<void> {
    if (this.#hasEnded) throw this.#error('it closed the connection before its answer was whole');
    if (this.#failure !== undefined) throw this.#failure;
    const before = this.#buffered;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    if (this.#buffered > before) return;
    if (this.#failure !== undefined) throw this.#failure;
    // The end of the stream may be all that the caller waits for.
  }

  #fail(cause: unknown): void {
    this.#failure ??= this.#error(messageOf(cause), cause);
    this.#wakeUp();
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = undefined;
    this.#drained?.();
    this.#drained = undefined;
  }

  #error(text: string, cause?: unknown): MailError {
    return new MailError('E_PEER', `${this.#name}: ${text}`, { cause });
  }
}
