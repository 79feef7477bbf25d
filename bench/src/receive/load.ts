/**
 * The load generator: a process of its own that keeps connections busy and counts. It does as little as it can, so
 * that the server is what is measured; it believes replies and only looks at their first digit.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { LoadOrder, LoadResult } from './messages.js';

const hello = 'EHLO bench.example\r\n';
const mail = 'MAIL FROM:<sender@bench.example>\r\n';
const recipient = 'RCPT TO:<recipient@example.org>\r\n';
const envelope = `${mail}${recipient}DATA\r\n`;

process.on('message', (order: LoadOrder) => {
  runLoad(order).then(
    (result) => process.send?.(result),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
});

const idle: Socket[] = [];
const idleAtOnce = 100;

async function runLoad(order: LoadOrder): Promise<LoadResult> {
  for (const socket of idle.splice(0)) socket.destroy();
  if (order.mode === 'idle') return holdIdle(order);
  const shared = { left: order.messages, done: 0, failures: 0 };
  const content = contentOf(order);
  const begun = performance.now();
  const clients: Promise<void>[] = [];
  for (let index = 0; index < order.connections; index++) clients.push(keepSending(order, content, shared));
  await Promise.all(clients);
  const seconds = (performance.now() - begun) / 1_000;
  return { seconds, messages: shared.done, failures: shared.failures };
}

async function holdIdle(order: LoadOrder): Promise<LoadResult> {
  for (let count = 0; count < order.connections; count += idleAtOnce) {
    await Promise.all(Array.from({ length: idleAtOnce }, () => openIdle(order.port)));
  }
  return { seconds: 0, messages: 0, failures: 0 };
}

async function openIdle(port: number): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1' });
  idle.push(socket);
  await once(socket, 'data');
  socket.write(hello);
  await once(socket, 'data');
}

interface Shared {
  left: number;
  done: number;
  failures: number;
}

async function keepSending(order: LoadOrder, content: Buffer, shared: Shared): Promise<void> {
  const perConnection = order.mode === 'once' ? 1 : Number.POSITIVE_INFINITY;
  while (shared.left > 0) await new Client(order, content, shared, perConnection).done;
}

/** One connection. Each step is what to write once so many replies have come. */
class Client {
  readonly done: Promise<void>;
  readonly #socket: Socket;
  readonly #order: LoadOrder;
  readonly #content: Buffer;
  readonly #shared: Shared;
  #left: number;
  #step = -2;
  #expected = 1;
  #isLast = false;

  constructor(order: LoadOrder, content: Buffer, shared: Shared, messages: number) {
    this.#order = order;
    this.#content = content;
    this.#shared = shared;
    this.#left = messages;
    this.#socket = connect({ port: order.port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.done = new Promise((resolve) => {
      this.#socket.once('close', () => resolve());
      this.#socket.once('error', () => {
        shared.failures++;
      });
    });
  }

  #read(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; at = chunk.indexOf(0x0a, at) + 1) {
      // A line with a dash is followed by another of the same reply.
      if (chunk[at + 3] === 0x2d) continue;
      if ((chunk[at] as number) > 0x33) this.#shared.failures++;
      this.#expected--;
    }
    if (this.#expected === 0) this.#next();
  }

  #next(): void {
    this.#step++;
    if (this.#step === -1) this.#write(hello, 1);
    else if (this.#order.mode === 'pipelined') this.#nextPipelined();
    else this.#nextPlain();
  }

  #nextPlain() {
    if (this.#step === 1) return this.#write(recipient, 1);
    if (this.#step === 2) return this.#write('DATA\r\n', 1);
    if (this.#step === 3) return this.#write(this.#content, 1);
    if (this.#step === 4) this.#shared.done++;
    this.#step = 0;
    if (this.#take()) this.#write(mail, 1);
    else this.#quit();
  }

  /** The data of one message and the envelope of the next leave together. */
  #nextPipelined() {
    if (this.#step > 1) this.#shared.done++;
    const hasMore = !this.#isLast && this.#take();
    if (this.#step === 0 && hasMore) return this.#write(envelope, 3);
    if (this.#step === 0 || this.#isLast) return this.#quit();
    this.#isLast = !hasMore;
    this.#socket.cork();
    this.#socket.write(this.#content);
    if (hasMore) this.#socket.write(envelope);
    this.#socket.uncork();
    this.#expected = hasMore ? 4 : 1;
  }

  #take(): boolean {
    if (this.#left <= 0 || this.#shared.left <= 0) return false;
    this.#left--;
    this.#shared.left--;
    return true;
  }

  #quit(): void {
    this.#expected = -1;
    this.#socket.end('QUIT\r\n');
  }

  #write(what: string | Buffer, expected: number): void {
    this.#expected = expected;
    this.#socket.write(what);
  }
}

function contentOf(order: LoadOrder): Buffer {
  const line = `${order.isDotted ? '..' : ''}${'abcdefghij'.repeat(8).slice(0, order.isDotted ? 74 : 76)}\r\n`;
  const head = 'From: <sender@bench.example>\r\nTo: <recipient@example.org>\r\nSubject: bench\r\n\r\n';
  const body = line.repeat(Math.ceil(order.octets / line.length)).slice(0, order.octets - head.length);
  return Buffer.from(`${head}${body}\r\n.\r\n`);
}
