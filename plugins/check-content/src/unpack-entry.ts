/** The content of one file of a zip archive, as far as it is wanted. */
import { createInflateRaw } from 'node:zlib';
import type { Body } from '@postroad/core';
import { readRange, type ZipEntry } from './zip-directory.js';

/** Streams the content; throws when it can't be read. Whoever stops reading ends the unpacking. */
export async function* unpackEntry(archive: Body, entry: ZipEntry): AsyncGenerator<Buffer> {
  const local = await readRange(archive, entry.start, entry.start + 30);
  if (local.length < 30 || local.readUInt32LE(0) !== 0x04034b50)
    throw new Error('there is no file at that place');
  const start = entry.start + 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
  const end = Math.min(start + entry.packedBytes, archive.sizeBytes);
  if (start >= end) return;
  const packed = archive.open({ start, end });
  if (entry.method === 0) {
    for await (const chunk of packed) yield Buffer.from(chunk);
    return;
  }
  if (entry.method !== 8) throw new Error(`method ${entry.method} is not known`);
  const inflate = createInflateRaw();
  const feeding = feed(packed, inflate);
  try {
    for await (const chunk of inflate) yield chunk as Buffer;
  } finally {
    inflate.destroy();
    await feeding;
  }
}

/** Gives the packed octets to the inflater at its pace; ends when it ends. Its failures are heard by the reader. */
async function feed(
  packed: AsyncIterable<Uint8Array>,
  inflate: ReturnType<typeof createInflateRaw>,
): Promise<void> {
  try {
    for await (const chunk of packed) {
      if (inflate.destroyed) return;
      if (!inflate.write(chunk)) await drained(inflate);
    }
    inflate.end();
  } catch (error) {
    inflate.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

function drained(inflate: ReturnType<typeof createInflateRaw>): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      inflate.off('drain', done).off('close', done).off('error', done);
      resolve();
    };
    inflate.on('drain', done).on('close', done).on('error', done);
  });
}

/** The first octets of the content. */
export async function firstOctets(archive: Body, entry: ZipEntry, octets: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of unpackEntry(archive, entry)) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= octets) break;
  }
  return Buffer.concat(chunks).subarray(0, octets);
}
