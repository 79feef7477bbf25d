/**
 * What one group commit writes to the journal, as octets. A frame is read whole or not at all: it has a checksum over all of
 * it, and begins and ends at a block, so that no write touches octets that were acknowledged before.
 *
 * Head (64 octets): magic (4), CRC-32 of everything behind it (4), epoch (8), sequence (6), sequence up to which everything
 * was synced when this one was written (6), octets of the payload (4), the queue's counters (5 of 6), nothing (2).
 * Payload: for each change one octet (the table, and 128 when the key is removed), octets of the key (2), the key, and when
 * it is put octets of the value (4) and the value. Then nothing up to the end of the block.
 */
import { crc32 } from 'node:zlib';
import { type Change, octetsOf, type TableId, table, tableCount } from '../tables/tables.js';

/** Frames begin at multiples of this. */
export const blockBytes = 4096;
/** The number of octets of an epoch: secret, so that no message can contain a frame that is taken for ours. */
export const epochBytes = 8;
/** How many counters a frame carries. */
export const counterCount = 5;

const magic = 0x50524a31;
const headBytes = 64;
const removed = 0x80;

/** What stands in a frame's head. */
export interface FrameHead {
  readonly epoch: Buffer;
  /** One more than that of the frame before. */
  readonly sequence: number;
  /** Up to here everything was synced when this frame was written. */
  readonly syncedSequence: number;
  /** The queue's counters after this frame. */
  readonly counters: readonly number[];
}

/** A frame as it was read. */
export interface Frame extends FrameHead {
  /** How much of the segment it takes: whole blocks. */
  readonly sizeBytes: number;
  readonly changes: readonly Change[];
}

/** Writes frames, into one buffer that is used again. */
export interface FrameWriter {
  /** The octets are good until the next call. */
  write(head: FrameHead, changes: readonly Change[]): Buffer;
}

/** A writer. Its buffer grows with the largest frame; one above `keptBytesMax` is not kept. */
export function createFrameWriter(keptBytesMax: number): FrameWriter {
  let kept = Buffer.alloc(0);
  return {
    write(head, changes) {
      const needed = wholeBlocks(headBytes + payloadBound(changes));
      let buffer = kept;
      if (buffer.length < needed) {
        buffer = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(2 * buffer.length, keptBytesMax)));
        if (buffer.length <= keptBytesMax) kept = buffer;
      }
      const end = writeChanges(buffer, changes);
      writeHead(buffer, head, end - headBytes);
      const sizeBytes = wholeBlocks(end);
      buffer.fill(0, end, sizeBytes);
      buffer.writeUInt32BE(crc32(buffer.subarray(8, end)), 4);
      return buffer.subarray(0, sizeBytes);
    },
  };
}

/** The frame at a place; `undefined` when there is none of this epoch that is whole. Values are copies. */
export function readFrame(segment: Buffer, at: number, epoch: Buffer): Frame | undefined {
  if (at + headBytes > segment.length || segment.readUInt32BE(at) !== magic) return undefined;
  if (segment.compare(epoch, 0, epochBytes, at + 8, at + 8 + epochBytes) !== 0) return undefined;
  const end = at + headBytes + segment.readUInt32BE(at + 28);
  if (end > segment.length || segment.readUInt32BE(at + 4) !== crc32(segment.subarray(at + 8, end)))
    return undefined;
  const changes = readChanges(segment, at + headBytes, end);
  if (changes === undefined) return undefined;
  return {
    epoch,
    sequence: segment.readUIntBE(at + 16, 6),
    syncedSequence: segment.readUIntBE(at + 22, 6),
    counters: Array.from({ length: counterCount }, (_, number) =>
      segment.readUIntBE(at + 32 + 6 * number, 6),
    ),
    sizeBytes: wholeBlocks(end - at),
    changes,
  };
}

function writeHead(buffer: Buffer, head: FrameHead, payloadBytes: number): void {
  buffer.writeUInt32BE(magic, 0);
  head.epoch.copy(buffer, 8, 0, epochBytes);
  buffer.writeUIntBE(head.sequence, 16, 6);
  buffer.writeUIntBE(head.syncedSequence, 22, 6);
  buffer.writeUInt32BE(payloadBytes, 28);
  for (let number = 0; number < counterCount; number++) {
    buffer.writeUIntBE(Math.max(0, head.counters[number] ?? 0), 32 + 6 * number, 6);
  }
  buffer.writeUInt16BE(0, 62);
}

/** Returns where the payload ends. */
function writeChanges(buffer: Buffer, changes: readonly Change[]): number {
  let at = headBytes;
  for (const change of changes) {
    const { table: of, key, value, rest } = change;
    buffer[at] = value === undefined ? of | removed : of;
    const keyBytes = buffer.write(key, at + 3, encodingOf(of));
    buffer.writeUInt16BE(keyBytes, at + 1);
    at += 3 + keyBytes;
    if (value === undefined) continue;
    buffer.writeUInt32BE(octetsOf(change), at);
    at += 4;
    buffer.set(value, at);
    at += value.length;
    if (rest === undefined) continue;
    buffer.set(rest, at);
    at += rest.length;
  }
  return at;
}

function readChanges(segment: Buffer, from: number, end: number): Change[] | undefined {
  const changes: Change[] = [];
  for (let at = from; at < end; ) {
    const kind = segment[at] as number;
    const of = (kind & ~removed) as TableId;
    const keyEnd = at + 3 + (at + 3 <= end ? segment.readUInt16BE(at + 1) : 0);
    if (of >= tableCount || keyEnd > end || keyEnd === at + 3) return undefined;
    const key = segment.toString(encodingOf(of), at + 3, keyEnd);
    at = keyEnd;
    if ((kind & removed) !== 0) {
      changes.push({ table: of, key, value: undefined });
      continue;
    }
    const valueEnd = at + 4 + (at + 4 <= end ? segment.readUInt32BE(at) : end);
    if (valueEnd > end) return undefined;
    changes.push({ table: of, key, value: Buffer.from(segment.subarray(at + 4, valueEnd)) });
    at = valueEnd;
  }
  return changes;
}

/** Keys of the due index are octets; others are text. */
function encodingOf(of: TableId): 'latin1' | 'utf8' {
  return of === table.due ? 'latin1' : 'utf8';
}

function payloadBound(changes: readonly Change[]): number {
  let bytes = 0;
  for (const change of changes) bytes += 7 + 3 * change.key.length + octetsOf(change);
  return bytes;
}

function wholeBlocks(bytes: number): number {
  return Math.ceil(bytes / blockBytes) * blockBytes;
}
