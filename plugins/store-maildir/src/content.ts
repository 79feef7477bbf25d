/** The content of message files: as it stands, or with CRLF where other programs wrote LF (RFC 5322 section 2.1). */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { type Body, type ByteRange, bodyFromBytes, MailError } from '@postroad/core';
import { LRUCache } from 'lru-cache';

/** Messages up to this size are read whole; the others are streamed. */
const inlineOctetsMax = 262_144;
/** The longest header section that counts; see the bodies of the core. */
const headOctetsMax = 1_048_576;
const pieceOctets = 65_536;
/** Large messages whose size with CRLF is remembered. */
const factsMax = 1_000;

interface Facts {
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly has8bit: boolean;
}

/** Opens message files as bodies. A body can be read until it is released, also when the file is removed meanwhile. */
export class Contents {
  readonly #facts = new LRUCache<string, Facts>({ max: factsMax });

  /** Opens a file; rejects with what the system says. A link is not followed. */
  async open(path: string, isVerbatim: boolean): Promise<Body> {
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const found = await handle.stat();
      if (!found.isFile()) throw new MailError('E_MAILBOX_STORE', 'a message is not a file');
      if (found.size <= inlineOctetsMax) {
        const octets = await handle.readFile();
        await handle.close();
        return bodyFromBytes(isVerbatim ? octets : withCrlf(octets, false));
      }
      const pieces = (range?: ByteRange) => piecesOf(handle, isVerbatim, range);
      const key = `${found.ino} ${found.size} ${found.mtimeMs} ${isVerbatim}`;
      const facts = this.#facts.get(key) ?? (await factsOf(pieces()));
      this.#facts.set(key, facts);
      const head = await collected(pieces({ start: 0, end: Math.min(headOctetsMax, facts.sizeBytes) }));
      return streamedBody(handle, facts, bodyFromBytes(head), pieces);
    } catch (error) {
      await handle.close().catch(() => undefined);
      throw error;
    }
  }
}

/** INTERNALDATE is the time of a file's content, as Maildirs have it. */
export async function dateOf(path: string): Promise<number> {
  return Math.floor((await stat(path)).mtimeMs);
}

function streamedBody(
  handle: FileHandle,
  facts: Facts,
  head: Body,
  pieces: (range?: ByteRange) => AsyncGenerator<Buffer>,
): Body {
  let owners = 1;
  return {
    ...facts,
    headerSizeBytes: head.headerSizeBytes,
    headerBytes: head.headerBytes,
    get header() {
      return head.header;
    },
    inline: undefined,
    file: undefined,
    open: (range) => pieces(range),
    retain() {
      owners++;
    },
    async release() {
      owners--;
      if (owners === 0) await handle.close().catch(() => undefined);
    },
  };
}

async function* piecesOf(
  handle: FileHandle,
  isVerbatim: boolean,
  range: ByteRange = { start: 0, end: Number.POSITIVE_INFINITY },
): AsyncGenerator<Buffer> {
  // Offsets count the message's octets; where line ends are mended they are only known by counting from the start.
  let position = isVerbatim ? range.start : 0;
  let at = position;
  let endsWithCr = false;
  while (at < range.end) {
    const buffer = Buffer.allocUnsafe(pieceOctets);
    const { bytesRead } = await readAt(handle, buffer, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    const octets = buffer.subarray(0, bytesRead);
    const piece = isVerbatim ? octets : withCrlf(octets, endsWithCr);
    endsWithCr = octets.at(-1) === 0x0d;
    const wanted = piece.subarray(Math.max(0, range.start - at), Math.max(0, range.end - at));
    at += piece.length;
    if (wanted.length > 0) yield wanted;
  }
}

async function readAt(handle: FileHandle, buffer: Buffer, position: number): Promise<{ bytesRead: number }> {
  try {
    return await handle.read(buffer, 0, buffer.length, position);
  } catch (cause) {
    throw new MailError('E_SPOOL', 'a message body could not be read', { cause });
  }
}

async function factsOf(pieces: AsyncGenerator<Buffer>): Promise<Facts> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  let has8bit = false;
  for await (const piece of pieces) {
    hash.update(piece);
    sizeBytes += piece.length;
    has8bit ||= bodyFromBytes(piece).has8bit;
  }
  return { sizeBytes, has8bit, sha256: hash.digest('hex') };
}

async function collected(pieces: AsyncGenerator<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

/** The octets with a CR before each LF that has none. */
export function withCrlf(octets: Buffer, isAfterCr: boolean): Buffer {
  const parts: Buffer[] = [];
  let start = 0;
  for (let at = octets.indexOf(0x0a); at >= 0; at = octets.indexOf(0x0a, at + 1)) {
    const hasCr = at === 0 ? isAfterCr : octets[at - 1] === 0x0d;
    if (hasCr) continue;
    parts.push(octets.subarray(start, at), carriageReturn);
    start = at;
  }
  if (parts.length === 0) return octets;
  parts.push(octets.subarray(start));
  return Buffer.concat(parts);
}

const carriageReturn = Buffer.from('\r');
