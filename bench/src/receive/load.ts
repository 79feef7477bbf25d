/**
 * The load generator: a process of its own that keeps connections busy and counts. It does as little as it can, so
 * that the server is what is measured; it believes replies and only looks at their first digit.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { LoadOrder, LoadResult } from './messages.js';

const hello = 'EHLO bench.example\r\n';
const mail = 'MAIL FROM:<sender@bench.example>\r\n';
const recipient = 'RCPT TO:<alice@example.org>\r\n';
const envelope = `${mail}${recipient}DATA\r\n`;
const replyOctetsMax = 4_096;

process.on('message', (order: LoadOrder) => {
  runLoad(order).then(
    (result) => process.send?.(result),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit());

const idle: Socket[] = [];
const idleAtOnce = 100;
/** A server that has not answered for so long behind the end has stopped answering. */
const patienceMs = 15_000;

async function runLoad(order: LoadOrder): Promise<LoadResult> {
  for (const socket of idle.splice(0)) socket.destroy();
  let begin = (): void => undefined;
  const shared: Shared = {
    order,
    contents: order.texts?.map(contentOfText) ?? [contentOf(order)],
    endsMs: Number.POSITIVE_INFINITY,
    latenciesMs: [],
    failures: 0,
    open: new Set(),
    lastGreeted: Promise.resolve(),
    mayBegin: new Promise((resolve) => {
      begin = resolve;
    }),
  };
  const sending =
    order.mode === 'idle'
      ? holdIdle(order)
      : Array.from({ length: order.connections }, () => keepSending(shared));
  await shared.lastGreeted;
  const begun = performance.now();
  shared.endsMs = begun + order.durationMs;
  begin();
  const cpu = process.cpuUsage();
  const timer = setTimeout(() => {
    shared.failures++;
    for (const socket of shared.open) socket.destroy();
  }, order.durationMs + patienceMs);
  await (Array.isArray(sending) ? Promise.all(sending) : sending);
  clearTimeout(timer);
  const { user, system } = process.cpuUsage(cpu);
  const sorted = Float64Array.from(shared.latenciesMs).sort();
  return {
    seconds: (performance.now() - begun) / 1_000,
    messages: sorted.length,
    failures: shared.failures,
    cpuSeconds: (user + system) / 1_000_000,
    latencyMs: { median: at(sorted, 0.5), p99: at(sorted, 0.99) },
  };
}

function at(sorted: Float64Array, part: number): number {
  return sorted[Math.floor(sorted.length * part)] ?? Number.NaN;
}

async function holdIdle(order: LoadOrder): Promise<void> {
  for (let count = 0; count < order.connections; count += idleAtOnce) {
    await Promise.all(Array.from({ length: idleAtOnce }, () => openIdle(order.port)));
  }
}

async function openIdle(port: number): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1' });
  idle.push(socket);
  await once(socket, 'data');
  socket.write(hello);
  await once(socket, 'data');
}

interface Shared {
  readonly order: LoadOrder;
  readonly contents: readonly Contents[];
  endsMs: number;
  /** One entry for each message that was answered. */
  readonly latenciesMs: number[];
  readonly open: Set<Socket>;
  /** Resolves when the connection opened last has been greeted. */
  lastGreeted: Promise<void>;
  /** Resolves when all that are opened in turn are open. */
  readonly mayBegin: Promise<void>;
  failures: number;
}

async function keepSending(shared: Shared): Promise<void> {
  const perConnection = shared.order.mode === 'once' ? 1 : Number.POSITIVE_INFINITY;
  do await (await openClient(shared, perConnection)).done;
  while (performance.now() < shared.endsMs && shared.failures === 0);
}

async function openClient(shared: Shared, messages: number): Promise<Client> {
  if (shared.order.opensInTurn !== true) return new Client(shared, messages);
  const before = shared.lastGreeted;
  const opened = before.then(() => new Client(shared, messages));
  shared.lastGreeted = opened.then((client) => client.greeted);
  return opened;
}

/** One connection. Each step is what to write once so many replies have come. */
class Client {
  readonly done: Promise<void>;
  /** Resolves at the greeting, or at the end when there was none. */
  readonly greeted: Promise<void>;
  #tellGreeted: () => void = () => undefined;
  readonly #socket: Socket;
  readonly #shared: Shared;
  #left: number;
  #step = -2;
  #expected = 1;
  #isLast = false;
  #begunMs = 0;

  constructor(shared: Shared, messages: number) {
    this.#shared = shared;
    this.#left = messages;
    this.#socket = connect({
      port: shared.order.port,
      host: '127.0.0.1',
      noDelay: true,
      // One buffer for all reads of the connection: the load must not be what is measured.
      onread: {
        buffer: Buffer.allocUnsafe(replyOctetsMax),
        callback: (octets, buffer) => {
          this.#read(buffer as Buffer, octets);
          return true;
        },
      },
    });
    shared.open.add(this.#socket);
    this.greeted = new Promise((resolve) => {
      this.#tellGreeted = resolve;
    });
    this.done = new Promise((resolve) => {
      this.#socket.once('close', () => {
        shared.open.delete(this.#socket);
        this.#tellGreeted();
        resolve();
      });
      this.#socket.once('error', () => {
        shared.failures++;
      });
    });
  }

  #read(chunk: Buffer, octets: number): void {
    for (let at = 0; at < octets; ) {
      // A line with a dash is followed by another of the same reply.
      if (chunk[at + 3] !== 0x2d) {
        if ((chunk[at] as number) > 0x33) this.#shared.failures++;
        this.#expected--;
      }
      const end = chunk.indexOf(0x0a, at);
      if (end < 0) break;
      at = end + 1;
    }
    if (this.#expected === 0) this.#next();
  }

  #next(): void {
    this.#step++;
    if (this.#step === -1) this.#greet();
    else if (this.#shared.order.mode === 'pipelined') this.#nextPipelined();
    else this.#nextPlain();
  }

  #greet(): void {
    this.#tellGreeted();
    if (this.#shared.order.opensInTurn !== true) this.#write(hello, 1);
    else void this.#shared.mayBegin.then(() => this.#write(hello, 1));
  }

  #nextPlain() {
    if (this.#step === 1) return this.#write(recipient, 1);
    if (this.#step === 2) return this.#write('DATA\r\n', 1);
    if (this.#step === 3) return this.#write(this.#content().alone, 1);
    if (this.#step === 4) this.#count();
    this.#step = 0;
    if (this.#take()) this.#write(mail, 1);
    else this.#quit();
  }

  /** The data of one message and the envelope of the next leave together. */
  #nextPipelined() {
    if (this.#shared.order.waitsBehindData === true) return this.#nextInTurns();
    if (this.#step > 1) this.#count();
    const hasMore = !this.#isLast && this.#take();
    if (this.#step === 0 && hasMore) return this.#write(envelope, 3);
    if (this.#step === 0 || this.#isLast) return this.#quit();
    this.#isLast = !hasMore;
    const { alone, withEnvelope } = this.#content();
    this.#write(hasMore ? withEnvelope : alone, hasMore ? 4 : 1);
  }

  #content(): Contents {
    const { contents, latenciesMs } = this.#shared;
    return contents[latenciesMs.length % contents.length] as Contents;
  }

  /** An envelope at once, then the data of its message alone. */
  #nextInTurns() {
    if (this.#step === 1) return this.#write(this.#content().alone, 1);
    if (this.#step === 2) this.#count();
    this.#step = 0;
    if (this.#take()) this.#write(envelope, 3);
    else this.#quit();
  }

  #count(): void {
    const nowMs = performance.now();
    this.#shared.latenciesMs.push(nowMs - this.#begunMs);
    this.#begunMs = nowMs;
  }

  #take(): boolean {
    const nowMs = performance.now();
    if (this.#left <= 0 || nowMs >= this.#shared.endsMs || this.#shared.failures > 0) return false;
    if (this.#begunMs === 0 || this.#step === 0) this.#begunMs = nowMs;
    this.#left--;
    return true;
  }

  #quit(): void {
    this.#expected = -1;
    this.#socket.end('QUIT\r\n');
  }

  #write(what: string | Buffer, expected: number): void {
    this.#expected = expected;
    if (typeof what === 'string') this.#socket.write(what, 'latin1');
    else this.#socket.write(what);
  }
}

/** The data of a message, and the same with the envelope of the next one behind it. */
interface Contents {
  readonly alone: Buffer;
  readonly withEnvelope: Buffer;
}

function contentOf(order: LoadOrder): Contents {
  const line = `${order.isDotted ? '..' : ''}${'abcdefghij'.repeat(8).slice(0, order.isDotted ? 74 : 76)}\r\n`;
  const head = 'From: <sender@bench.example>\r\nTo: <alice@example.org>\r\nSubject: bench\r\n\r\n';
  const body = line.repeat(Math.ceil(order.octets / line.length)).slice(0, order.octets - head.length);
  return contentOfText(`${head}${body}\r\n`);
}

function contentOfText(message: string): Contents {
  const text = `${message}.\r\n`;
  return { alone: Buffer.from(text), withEnvelope: Buffer.from(`${text}${envelope}`) };
}
