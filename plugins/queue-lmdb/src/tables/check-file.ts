/**
 * Looks at a database file before LMDB maps it into memory: a file that is something else, or is cut off, would end
 * the process with a signal instead of an error.
 */
import { open } from 'node:fs/promises';
import { MailError } from '@postroad/core';

// The layout of LMDB's two meta pages, format 2 with 64-bit page numbers.
const headerBytes = 24;
const metaBytes = headerBytes + 136;
const magic = 0xbeefc0de;

interface Meta {
  readonly pageBytes: number;
  readonly roots: readonly bigint[];
  readonly lastPage: bigint;
}

/** Throws `E_QUEUE_STORE` when the file can't be a queue. A file that is missing or empty will be made. */
export async function checkDatabaseFile(file: string): Promise<void> {
  const handle = await open(file, 'r+').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (handle === undefined) return;
  try {
    const { size } = await handle.stat();
    if (size === 0) return;
    const metas: Meta[] = [];
    for (const at of [0, 4096]) {
      const page = Buffer.alloc(metaBytes);
      const { bytesRead } = await handle.read(page, 0, metaBytes, at);
      const meta = bytesRead === metaBytes ? readMeta(page) : undefined;
      if (meta !== undefined) metas.push(meta);
    }
    if (metas.length === 0) throw refusal(file, 'is not an LMDB database');
    for (const meta of metas) {
      const pages = BigInt(Math.floor(size / meta.pageBytes));
      if (meta.roots.some((root) => root >= pages)) throw refusal(file, 'is cut off');
      // The last pages may be free and never written; reading behind the end of a mapped file would be a signal.
      const whole = Number(meta.lastPage + 1n) * meta.pageBytes;
      if (size < whole) await handle.truncate(whole);
    }
  } finally {
    await handle.close();
  }
}

function readMeta(page: Buffer): Meta | undefined {
  if (page.readUInt32LE(headerBytes) !== magic || page.readUInt32LE(headerBytes + 4) !== 2) return undefined;
  const noRoot = 0xffff_ffff_ffff_ffffn;
  const roots = [64, 112].map((at) => page.readBigUInt64LE(headerBytes + at));
  return {
    pageBytes: page.readUInt32LE(headerBytes + 24),
    roots: roots.filter((root) => root !== noRoot),
    lastPage: page.readBigUInt64LE(headerBytes + 120),
  };
}

function refusal(file: string, why: string): MailError {
  return new MailError('E_QUEUE_STORE', `${file} ${why}`);
}
