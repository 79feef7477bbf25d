/** Bodies in files: everything above the inline limit. */
import { createReadStream } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { MailError } from '../errors.js';
import { type Body, type BodyFacts, type ByteRange, lazyHeader } from './body.js';

/** What makes a file a body. */
export interface FileBodyOptions extends BodyFacts {
  readonly file: string;
  readonly sha256: string;
  readonly headerBytes: Uint8Array;
  /** Whether the last `release` removes the file. */
  readonly isOwned: boolean;
}

const readSizeBytes = 65_536;

/** A body over a file that is complete and will not change. */
export function bodyFromFile(options: FileBodyOptions): Body {
  const header = lazyHeader(options.headerBytes);
  let owners = 1;
  return {
    sizeBytes: options.sizeBytes,
    sha256: options.sha256,
    has8bit: options.has8bit,
    headerSizeBytes: options.headerSizeBytes,
    headerBytes: options.headerBytes,
    get header() {
      return header();
    },
    inline: undefined,
    file: options.file,
    open(range) {
      return readFileRange(options.file, range ?? { start: 0, end: options.sizeBytes });
    },
    retain() {
      owners++;
    },
    async release() {
      owners--;
      // Somebody else may have taken the file over by renaming it: then there is nothing left to remove.
      if (owners === 0 && options.isOwned) await unlink(options.file).catch(() => undefined);
    },
  };
}

async function* readFileRange(file: string, range: ByteRange): AsyncGenerator<Uint8Array> {
  if (range.end <= range.start) return;
  const stream = createReadStream(file, {
    start: range.start,
    end: range.end - 1,
    highWaterMark: readSizeBytes,
  });
  try {
    yield* stream;
  } catch (cause) {
    throw new MailError('E_SPOOL', 'a message body could not be read', { cause });
  } finally {
    stream.destroy();
  }
}
