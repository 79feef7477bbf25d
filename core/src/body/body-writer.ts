/**
 * Writes one body. Octets are kept as the views they came in until they pass the inline limit; then a file is opened
 * and everything goes there, many chunks in one system call, hashed on the way.
 */
import { isAscii } from 'node:buffer';
import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { MailError } from '../errors.js';
import type { BodyWriter } from '../services/spool.js';
import { type Body, headerOctetsMax } from './body.js';
import { bodyFromFile } from './file-body.js';
import { HeaderCollector } from './header-collector.js';
import { bodyFromBytes } from './inline-body.js';

/** What a writer is made with. */
export interface BodyWriterOptions {
  /** The path for a new file, in a directory that exists. */
  newFile(): Promise<string>;
  readonly inlineOctetsMax: number;
}

/** Octets that may wait for the disk before the sender is asked to pause. */
const waitingOctetsMax = 262_144;

/** A writer for one body. */
export function createBodyWriter(options: BodyWriterOptions): BodyWriter {
  return new SpoolWriter(options);
}

class SpoolWriter implements BodyWriter {
  sizeBytes = 0;
  readonly #options: BodyWriterOptions;
  #chunks: Uint8Array[] = [];
  #file: SpoolFile | undefined;

  constructor(options: BodyWriterOptions) {
    this.#options = options;
  }

  write(chunk: Uint8Array): boolean {
    this.sizeBytes += chunk.length;
    if (this.#file !== undefined) return this.#file.write(chunk);
    this.#chunks.push(chunk);
    if (this.sizeBytes <= this.#options.inlineOctetsMax) return true;
    this.#file = new SpoolFile(this.#options.newFile);
    const chunks = this.#chunks;
    this.#chunks = [];
    let goesOn = true;
    for (const earlier of chunks) goesOn = this.#file.write(earlier);
    return goesOn;
  }

  async drained(): Promise<void> {
    await this.#file?.drained();
  }

  async finish(): Promise<Body> {
    if (this.#file !== undefined) return this.#file.finish(this.sizeBytes);
    return bodyFromBytes(joined(this.#chunks, this.sizeBytes));
  }

  async abort(): Promise<void> {
    this.#chunks = [];
    await this.#file?.abort();
  }
}

/** One view of the whole; the views are joined at most once, and a small one does not keep a large buffer alive. */
function joined(chunks: readonly Uint8Array[], sizeBytes: number): Uint8Array {
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1 && only.buffer.byteLength <= 4 * sizeBytes) return only;
  return Buffer.concat(chunks, sizeBytes);
}

/** The file part of a writer: one write under way at a time, the rest waits and goes with the next. */
class SpoolFile {
  readonly #hash: Hash = createHash('sha256');
  readonly #header = new HeaderCollector(headerOctetsMax);
  readonly #opened: Promise<{ file: string; handle: FileHandle }>;
  #waiting: Uint8Array[] = [];
  #waitingOctets = 0;
  #has8bit = false;
  #failure: MailError | undefined;
  #pump: Promise<void> | undefined;
  #isAborted = false;

  constructor(newFile: () => Promise<string>) {
    this.#opened = openNew(newFile);
    // The failure is kept by the pump; this only says that nobody else waits for it.
    this.#opened.catch(() => undefined);
  }

  write(chunk: Uint8Array): boolean {
    if (this.#failure !== undefined) return true;
    this.#hash.update(chunk);
    this.#header.add(chunk);
    this.#has8bit ||= !isAscii(chunk);
    this.#waiting.push(chunk);
    this.#waitingOctets += chunk.length;
    this.#pump ??= this.#run();
    return this.#waitingOctets < waitingOctetsMax;
  }

  async drained(): Promise<void> {
    while (this.#pump !== undefined && this.#waitingOctets >= waitingOctetsMax) await this.#pump;
  }

  async finish(sizeBytes: number): Promise<Body> {
    while (this.#pump !== undefined) await this.#pump;
    if (this.#failure === undefined) await this.#close();
    if (this.#failure !== undefined) {
      await this.abort();
      throw this.#failure;
    }
    const { file } = await this.#opened;
    const headerBytes = this.#header.bytes();
    return bodyFromFile({
      file,
      sizeBytes,
      sha256: this.#hash.digest('hex'),
      has8bit: this.#has8bit,
      headerBytes,
      headerSizeBytes: headerBytes.length,
      isOwned: true,
    });
  }

  async abort(): Promise<void> {
    this.#isAborted = true;
    this.#waiting = [];
    while (this.#pump !== undefined) await this.#pump;
    const opened = await this.#opened.catch(() => undefined);
    if (opened === undefined) return;
    // Removing a file that can't be closed or removed any more is all that can be tried here.
    await opened.handle.close().catch(() => undefined);
    await unlink(opened.file).catch(() => undefined);
  }

  async #run(): Promise<void> {
    try {
      const { handle } = await this.#opened;
      while (this.#waiting.length > 0 && !this.#isAborted) {
        const batch = this.#waiting;
        this.#waiting = [];
        await writeAll(handle, batch);
        this.#waitingOctets = this.#waiting.reduce((sum, chunk) => sum + chunk.length, 0);
      }
    } catch (cause) {
      this.#fail(cause);
    } finally {
      this.#pump = undefined;
    }
  }

  async #close(): Promise<void> {
    try {
      await (await this.#opened).handle.close();
    } catch (cause) {
      this.#fail(cause);
    }
  }

  #fail(cause: unknown): void {
    this.#failure ??= new MailError('E_SPOOL', 'a message body could not be written', { cause });
    this.#waiting = [];
    this.#waitingOctets = 0;
  }
}

async function openNew(newFile: () => Promise<string>): Promise<{ file: string; handle: FileHandle }> {
  const file = await newFile();
  return { file, handle: await open(file, 'wx', 0o600) };
}

/** A system call may write less than it was given, as at the edge of a full disk. */
async function writeAll(handle: FileHandle, chunks: Uint8Array[]): Promise<void> {
  let left = chunks;
  while (left.length > 0) {
    const { bytesWritten } = await handle.writev(left);
    left = behind(left, bytesWritten);
  }
}

function behind(chunks: Uint8Array[], octets: number): Uint8Array[] {
  let skip = octets;
  for (let index = 0; index < chunks.length; index++) {
    const chunk = chunks[index] as Uint8Array;
    if (skip < chunk.length) return [chunk.subarray(skip), ...chunks.slice(index + 1)];
    skip -= chunk.length;
  }
  return [];
}
