/**
 * The spool: where message bodies are written while they arrive. Up to the inline limit they stay in memory;
 * above it they go to a file of their own, made exclusively, readable by nobody else.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { MailError } from '../errors.js';
import type { BodyWriter, Spool } from '../services/spool.js';
import { createBlocks } from './blocks.js';
import type { Body } from './body.js';
import { createBodyWriter } from './body-writer.js';
import { createSlab } from './slab.js';

/** What a spool is made with. */
export interface SpoolOptions {
  /** Made at the first need, for the owner only. */
  readonly directory: string;
  /** Bodies up to this size stay in memory. */
  readonly inlineOctetsMax: number;
}

/** A spool that can clear away what a process that died has left. */
export interface OwnedSpool extends Spool {
  /** Removes files of processes that no longer run; resolves to their number. Files of living ones stay. */
  open(): Promise<number>;
}

const namePattern = /^(\d+)-([0-9a-f]{16})-[0-9a-f]{24}\.spool$/;
const processKey = Symbol.for('postroad.spool.process');

/** Makes a spool. Nothing is touched on disk before `open` or the first body above the inline limit. */
export function createSpool(options: SpoolOptions): OwnedSpool {
  let made: Promise<unknown> | undefined;
  const newFile = async (): Promise<string> => {
    made ??= mkdir(options.directory, { recursive: true, mode: 0o700 });
    try {
      await made;
    } catch (error) {
      made = undefined;
      throw error;
    }
    return join(
      options.directory,
      `${process.pid}-${processToken()}-${randomBytes(12).toString('hex')}.spool`,
    );
  };
  const { inlineOctetsMax } = options;
  const blocks = createBlocks();
  const slab = createSlab();
  const writer = (): BodyWriter => createBodyWriter({ newFile, inlineOctetsMax, blocks, slab });
  return {
    directory: options.directory,
    writer,
    store: (stream, sizeBytesMax = Number.POSITIVE_INFINITY) => store(writer(), stream, sizeBytesMax),
    open: () => removeOrphans(options.directory),
  };
}

async function store(
  writer: BodyWriter,
  stream: AsyncIterable<Uint8Array> | Uint8Array,
  sizeBytesMax: number,
): Promise<Body> {
  try {
    for await (const chunk of stream instanceof Uint8Array ? [stream] : stream) {
      if (writer.sizeBytes + chunk.length > sizeBytesMax) {
        throw new MailError('E_BODY_TOO_LARGE', `a message body is over ${sizeBytesMax} octets`);
      }
      if (!writer.write(chunk)) await writer.drained();
    }
  } catch (error) {
    await writer.abort();
    throw error;
  }
  return writer.finish();
}

/** Tells this process from an earlier one with the same id, as containers have it; shared by all copies of the core. */
function processToken(): string {
  const shared = globalThis as { [processKey]?: string };
  shared[processKey] ??= randomBytes(8).toString('hex');
  return shared[processKey];
}

async function removeOrphans(directory: string): Promise<number> {
  let removed = 0;
  for (const name of await namesIn(directory)) {
    const [, pid, token] = namePattern.exec(name) ?? [];
    if (pid === undefined || isAlive(Number(pid), token as string)) continue;
    try {
      await unlink(join(directory, name));
      removed++;
    } catch (cause) {
      // Another process that starts at the same moment may have been first.
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') {
        throw new MailError('E_SPOOL', 'a leftover of the spool could not be removed', { cause });
      }
    }
  }
  return removed;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new MailError('E_SPOOL', 'the spool directory could not be read', { cause });
  }
}

function isAlive(pid: number, token: string): boolean {
  if (pid === process.pid) return token === processToken();
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
