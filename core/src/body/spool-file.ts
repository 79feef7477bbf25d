/**
 * The file that a body is written to. Octets are gathered in blocks; each is hashed, looked at and written whole, one
 * write under way at a time.
 */
import { isAscii } from 'node:buffer';
import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { MailError } from '../errors.js';
import { type Blocks, blockOctets } from './blocks.js';
import { type Body, headerOctetsMax } from './body.js';
import { bodyFromFile } from './file-body.js';
import { HeaderCollector } from './header-collector.js';

/** Blocks that may wait for the disk before the sender is asked to pause. */
const waitingMax = 2;

/** A block, or the part of it that is filled. */
interface Filled {
  readonly block: Buffer;
  readonly octets: number;
}

/** The file part of a body's writer. It makes its file at once. */
export class SpoolFile {
  readonly #blocks: Blocks;
  readonly #hash: Hash = createHash('sha256');
  readonly #header = new HeaderCollector(headerOctetsMax);
  readonly #opened: Promise<{ file: string; handle: FileHandle }>;
  #block: Buffer | undefined;
  #filled = 0;
  #waiting: Filled[] = [];
  #has8bit = false;
  #failure: MailError | undefined;
  #pump: Promise<void> | undefined;
  #isAborted = false;

  /** `newFile` tells the path. */
  constructor(newFile: () => Promise<string>, blocks: Blocks) {
    this.#blocks = blocks;
    this.#opened = openNew(newFile);
    // The failure is kept by the pump; this only says that nobody else waits for it.
    this.#opened.catch(() => undefined);
  }

  get #isFull(): boolean {
    return this.#waiting.length >= waitingMax;
  }

  /** Copies the octets; `false` when the disk is behind. */
  write(chunk: Uint8Array): boolean {
    if (this.#failure !== undefined) return true;
    for (let at = 0; at < chunk.length; ) {
      this.#block ??= this.#blocks.take();
      const octets = Math.min(chunk.length - at, blockOctets - this.#filled);
      this.#block.set(octets === chunk.length ? chunk : chunk.subarray(at, at + octets), this.#filled);
      at += octets;
      this.#filled += octets;
      if (this.#filled === blockOctets) this.#seal();
    }
    return !this.#isFull;
  }

  /** Resolves when there is room again. */
  async drained(): Promise<void> {
    while (this.#pump !== undefined && this.#isFull) await this.#pump;
  }

  /** Completes the file; rejects with `E_SPOOL` when it could not be written, and then leaves nothing. */
  async finish(sizeBytes: number): Promise<Body> {
    this.#seal();
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

  /** Removes the file. Never rejects. */
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

  #seal(): void {
    const block = this.#block;
    if (block === undefined || this.#failure !== undefined) return;
    const octets = this.#filled;
    this.#block = undefined;
    this.#filled = 0;
    const filled = octets === blockOctets ? block : block.subarray(0, octets);
    this.#hash.update(filled);
    this.#header.add(filled);
    this.#has8bit ||= !isAscii(filled);
    this.#waiting.push({ block, octets });
    this.#pump ??= this.#run();
  }

  async #run(): Promise<void> {
    try {
      const { handle } = await this.#opened;
      while (!this.#isAborted) {
        const [next] = this.#waiting;
        if (next === undefined) break;
        await writeAll(handle, next);
        this.#waiting.shift();
        this.#blocks.giveBack(next.block);
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
  }
}

async function openNew(newFile: () => Promise<string>): Promise<{ file: string; handle: FileHandle }> {
  const file = await newFile();
  return { file, handle: await open(file, 'wx', 0o600) };
}

/** A system call may write less than it was given, as at the edge of a full disk. */
async function writeAll(handle: FileHandle, { block, octets }: Filled): Promise<void> {
  for (let at = 0; at < octets; ) {
    at += (await handle.write(block, at, octets - at)).bytesWritten;
  }
}
