/** Writes one body: up to the inline limit it stays in memory; then a file is opened and everything goes there. */
import type { MaybePromise } from '../hooks/kinds.js';
import type { BodyWriter } from '../services/spool.js';
import { type Blocks, createBlocks } from './blocks.js';
import type { Body } from './body.js';
import { bodyFromBytes } from './inline-body.js';
import type { Slab } from './slab.js';
import { SpoolFile } from './spool-file.js';

/** What a writer is made with. */
export interface BodyWriterOptions {
  /** The path for a new file, in a directory that exists. */
  newFile(): Promise<string>;
  readonly inlineOctetsMax: number;
  /** Where memory for writing comes from; its own when absent. */
  readonly blocks?: Blocks;
  /** Where memory for small bodies comes from; its own when absent. */
  readonly slab?: Slab;
}

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
    if (this.sizeBytes <= this.#options.inlineOctetsMax) {
      this.#chunks.push(this.#options.slab?.copy(chunk) ?? Buffer.from(chunk));
      return true;
    }
    this.#file = new SpoolFile(this.#options.newFile, this.#options.blocks ?? createBlocks());
    const chunks = this.#chunks;
    this.#chunks = [];
    for (const earlier of chunks) this.#file.write(earlier);
    return this.#file.write(chunk);
  }

  async drained(): Promise<void> {
    await this.#file?.drained();
  }

  finish(): MaybePromise<Body> {
    if (this.#file !== undefined) return this.#file.finish(this.sizeBytes);
    return bodyFromBytes(joined(this.#chunks, this.sizeBytes));
  }

  async abort(): Promise<void> {
    this.#chunks = [];
    await this.#file?.abort();
  }
}

/** The whole in one piece. */
function joined(chunks: readonly Uint8Array[], sizeBytes: number): Uint8Array {
  const [only] = chunks;
  return only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks, sizeBytes);
}
