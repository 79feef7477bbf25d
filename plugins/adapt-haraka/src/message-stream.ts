/** The message as plugins read it in Haraka: the header section as it is now, then what follows, from the spool. */
import { Readable, type Writable } from 'node:stream';
import type { Body } from '@postroad/core';

/** How a plugin wants it. */
export interface PipeOptions {
  readonly line_endings?: string;
  readonly dot_stuffing?: boolean;
  readonly dot_stuffed?: boolean;
  readonly ending_dot?: boolean;
  readonly clamd_style?: boolean;
  readonly skip_headers?: boolean;
  readonly end?: boolean;
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const dot = 0x2e;

/** `transaction.message_stream`. It copies nothing, and may be read as often as one likes. */
export class MessageStream {
  readonly #headers: () => readonly string[];
  #body: Body | undefined;
  #whenThere: (() => void)[] = [];
  readonly #open = new Set<Readable>();

  constructor(headers: () => readonly string[]) {
    this.#headers = headers;
  }

  /** The message is there: what waits for it goes on. */
  attach(body: Body): void {
    this.#body = body;
    for (const go of this.#whenThere.splice(0)) go();
  }

  pipe<T extends Writable>(destination: T, options: PipeOptions = {}): T {
    const source = Readable.from(this.#octets(options), { objectMode: false });
    this.#open.add(source);
    const done = () => this.#open.delete(source);
    source.once('close', done);
    source.once('error', (error) => destination.destroy(error));
    source.pipe(destination, { end: options.end !== false });
    return destination;
  }

  unpipe(): void {
    this.destroy();
  }

  pause(): void {
    for (const source of this.#open) source.pause();
  }

  resume(): void {
    for (const source of this.#open) source.resume();
  }

  /** Ends what is being read. */
  destroy(): void {
    for (const source of this.#open) source.destroy();
    this.#open.clear();
  }

  get_data(options: PipeOptions | ((data: Buffer) => void), done?: (data: Buffer) => void): void {
    const callback = typeof options === 'function' ? options : done;
    const chunks: Buffer[] = [];
    const source = Readable.from(this.#octets(typeof options === 'function' ? {} : options), {
      objectMode: false,
    });
    this.#open.add(source);
    source.on('data', (chunk: Buffer) => chunks.push(chunk));
    source.once('end', () => callback?.(Buffer.concat(chunks)));
    source.once('close', () => this.#open.delete(source));
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer> {
    return this.#octets({});
  }

  async *#octets(options: PipeOptions): AsyncGenerator<Buffer> {
    const ending = options.line_endings === '\n' ? '\n' : '\r\n';
    // In Haraka the message is kept with its dots doubled; here it is not.
    const isStuffed =
      options.ending_dot === true || options.dot_stuffing === true || options.dot_stuffed === false;
    const frame = (octets: Buffer) => (options.clamd_style === true ? framed(octets) : octets);
    if (this.#body === undefined) await new Promise<void>((resolve) => this.#whenThere.push(resolve));
    const body = this.#body as Body;
    if (options.skip_headers !== true) {
      const text = `${this.#headers().join('')}\n`.replace(/\r?\n/g, ending);
      yield frame(Buffer.from(text));
    }
    const content = body.open({ start: body.headerSizeBytes, end: body.sizeBytes });
    if (ending === '\r\n' && !isStuffed) {
      for await (const octets of content) if (octets.length > 0) yield frame(Buffer.from(octets));
    } else {
      for await (const line of linesOf(content)) yield frame(shaped(line, ending, isStuffed));
    }
    if (options.ending_dot === true) yield frame(Buffer.from(`.${ending}`));
    if (options.clamd_style === true) yield Buffer.alloc(4);
  }
}

function framed(octets: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(octets.length);
  return Buffer.concat([length, octets]);
}

function shaped(line: Buffer, ending: string, isStuffed: boolean): Buffer {
  let shapedLine = line;
  if (ending === '\n' && line.at(-1) === lineFeed && line.at(-2) === carriageReturn) {
    shapedLine = Buffer.concat([line.subarray(0, -2), Buffer.from('\n')]);
  }
  return isStuffed && shapedLine[0] === dot ? Buffer.concat([Buffer.from('.'), shapedLine]) : shapedLine;
}

const lineOctetsMax = 65_536;

/** Lines with their ends; a line without an end is cut where it gets too long. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = rest.indexOf(lineFeed); end >= 0; end = rest.indexOf(lineFeed, start)) {
      yield rest.subarray(start, end + 1);
      start = end + 1;
    }
    rest = rest.subarray(start);
    if (rest.length > lineOctetsMax) {
      yield rest;
      rest = Buffer.alloc(0);
    }
  }
  if (rest.length > 0) yield rest;
}
