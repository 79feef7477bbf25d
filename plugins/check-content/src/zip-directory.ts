/** The list of files in a zip archive, from its central directory; nothing is unpacked for it. */
import type { Body } from '@postroad/core';

/** A file in an archive. */
export interface ZipEntry {
  readonly name: string;
  readonly isEncrypted: boolean;
  /** 0 stored, 8 deflated; others can't be read. */
  readonly method: number;
  readonly packedBytes: number;
  readonly sizeBytes: number;
  /** Where its local header begins. */
  readonly start: number;
}

/** The directory; `isWhole` is false when there were more entries than were wanted. */
export interface ZipDirectory {
  readonly entries: readonly ZipEntry[];
  readonly isWhole: boolean;
}

/** The end record may have a comment of up to 65,535 octets behind it. */
const endOctetsMax = 65_535 + 22;
const directoryOctetsMax = 4_194_304;

/** Reads the directory; `undefined` when there is none that can be read (zip64 and archives in several files too). */
export async function readZipDirectory(body: Body, entriesMax: number): Promise<ZipDirectory | undefined> {
  const tailStart = Math.max(0, body.sizeBytes - endOctetsMax);
  const tail = await readRange(body, tailStart, body.sizeBytes);
  const at = tail.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  if (at < 0 || at + 22 > tail.length) return undefined;
  const count = tail.readUInt16LE(at + 10);
  const size = tail.readUInt32LE(at + 12);
  const claimed = tail.readUInt32LE(at + 16);
  // What stands in front of the archive, such as a program that unpacks it, moves everything.
  const start = tailStart + at - size;
  if (claimed === 0xffffffff || count === 0xffff || start < 0 || start < claimed) return undefined;
  const directory = await readRange(body, start, start + Math.min(size, directoryOctetsMax));
  return parseDirectory(directory, count, start - claimed, entriesMax);
}

function parseDirectory(
  directory: Buffer,
  count: number,
  shift: number,
  entriesMax: number,
): ZipDirectory | undefined {
  const entries: ZipEntry[] = [];
  let at = 0;
  for (; at + 46 <= directory.length && directory.readUInt32LE(at) === 0x02014b50; ) {
    if (entries.length >= entriesMax) return { entries, isWhole: false };
    const flags = directory.readUInt16LE(at + 8);
    const nameLength = directory.readUInt16LE(at + 28);
    const next = at + 46 + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
    if (next > directory.length) return undefined;
    const octets = directory.subarray(at + 46, at + 46 + nameLength);
    entries.push({
      name: octets.toString((flags & 0x800) === 0 ? 'latin1' : 'utf8'),
      isEncrypted: (flags & 1) === 1,
      method: directory.readUInt16LE(at + 10),
      packedBytes: directory.readUInt32LE(at + 20),
      sizeBytes: directory.readUInt32LE(at + 24),
      start: directory.readUInt32LE(at + 42) + shift,
    });
    at = next;
  }
  // A directory that ends before its count hides what is behind it.
  return entries.length < count ? undefined : { entries, isWhole: true };
}

/** So many octets of a body, or fewer where it ends. */
export async function readRange(body: Body, start: number, end: number): Promise<Buffer> {
  const bounded = { start: Math.max(0, start), end: Math.min(end, body.sizeBytes) };
  if (bounded.start >= bounded.end) return Buffer.alloc(0);
  if (body.inline !== undefined) return Buffer.from(body.inline.subarray(bounded.start, bounded.end));
  const chunks: Uint8Array[] = [];
  for await (const chunk of body.open(bounded)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
