/**
 * The journal: what is acknowledged is one write and one sync at the end of a segment, and nothing else. Segments are files
 * of a fixed size that are used again, so that a sync writes no metadata. A write or a sync that fails is final: nothing is
 * written any more until `restart`, which begins with a new epoch and a new file, after the caller has made everything
 * durable elsewhere. One call at a time.
 */
import { MailError } from '@postroad/core';
import type { Change } from '../tables/tables.js';
import { blockBytes, createFrameWriter } from './frame.js';
import { type JournalDisk, type JournalFile, segmentName, segmentNumber } from './journal-disk.js';

/** Tells a test where the process is, so that it can die there. */
export type CrashPoint = (
  name:
    | 'body-written'
    | 'journal-written'
    | 'journal-synced'
    | 'segment-begun'
    | 'segment-freed'
    | 'checkpoint-begun'
    | 'checkpoint-part'
    | 'checkpoint-done'
    | 'recovery-read'
    | 'recovery-done',
) => void;

/** See the file's comment. */
export interface Journal {
  /**
   * Appends the changes of one commit with the counters after it; durable when it resolves, or for lazy ones as soon as the
   * system is not lost: they survive the process, and are durable with the next that is not lazy.
   */
  append(changes: readonly Change[], counters: readonly number[], isLazy: boolean): Promise<void>;
  /** The last frame. */
  readonly sequence: number;
  /** The current segment has its size: begin another one. */
  readonly isFull: boolean;
  /** A write has failed. */
  readonly isBroken: boolean;
  /** What was lazy is durable when it resolves; when it rejects the journal is broken. */
  sync(): Promise<void>;
  /** Goes on in another segment. */
  beginSegment(): Promise<void>;
  /** Frames up to this one are in the tables: their segments can be used again. */
  free(sequence: number): void;
  /** The number of the last frame that was found at the start. */
  startBehind(sequence: number): void;
  /** Begins anew with this epoch, after a failure or at the start. Older frames mean nothing any more. */
  restart(epoch: Buffer): Promise<void>;
  close(): Promise<void>;
}

interface Segment {
  readonly name: string;
  readonly file: JournalFile;
  /** Where the next frame goes. */
  position: number;
  lastSequence: number;
  /** So far it is on the disk, with nothing or with old frames behind the position. */
  sizeBytes: number;
}

/** What a journal works with. */
export interface JournalOptions {
  readonly disk: JournalDisk;
  /** A segment is full when it has so much, or a part of the room that the disk has. */
  readonly segmentBytesMax: number;
  readonly crashPoint?: CrashPoint | undefined;
}

// A frame's buffer that is larger than this is not kept.
const frameBytesKept = 8 * 1024 * 1024;
// A file grows by so much, so that most syncs write no metadata.
const growthBytes = 1024 * 1024;
const nothing = Buffer.alloc(growthBytes);
// The journal is to leave most of the room to the tables.
const roomPart = 16;
const segmentBytesMin = 64 * blockBytes;

/** A journal on the segments of the disk. It takes nothing before `restart`. */
export function createJournal({ disk, segmentBytesMax, crashPoint }: JournalOptions): Journal {
  const writer = createFrameWriter(frameBytesKept);
  let epoch: Buffer = Buffer.alloc(0);
  let current: Segment | undefined;
  let full: Segment[] = [];
  let spare: Segment[] = [];
  /** What they hold may be all there is of it until `restart`. */
  let failed: Segment[] = [];
  let nextNumber = 0;
  let segmentBytes = segmentBytesMax;
  let sequence = 0;
  let syncedSequence = 0;

  async function make(): Promise<Segment> {
    const name = segmentName(nextNumber++);
    const file = await disk.open(name);
    const segment = { name, file, position: 0, lastSequence: 0, sizeBytes: 0 };
    try {
      segmentBytes = sizeFor(await disk.freeBytes(), segmentBytesMax);
    } catch (error) {
      await discard([segment]);
      throw error;
    }
    return segment;
  }

  /** Closes and removes segments that may not be trusted any more. Never rejects: what remains is of an old epoch. */
  async function discard(segments: readonly Segment[]): Promise<void> {
    for (const { name, file } of segments) {
      await file.close().catch(isOfNoUse);
      await disk.remove(name).catch(isOfNoUse);
    }
  }

  async function begin(): Promise<void> {
    const next = spare.pop() ?? (await make());
    next.position = 0;
    current = next;
    crashPoint?.('segment-begun');
  }

  /** Nobody is told that the frame is durable, so it should not be found either; but nothing depends on this write. */
  async function fail(segment: Segment): Promise<void> {
    current = undefined;
    failed.push(segment);
    await segment.file.write(Buffer.alloc(blockBytes), segment.position).catch(isOfNoUse);
  }

  /** Where there is room enough, and only to be faster: it may fail. */
  async function grow(segment: Segment, end: number): Promise<void> {
    if (end <= segment.sizeBytes) return;
    segment.sizeBytes = end;
    if (segmentBytes < segmentBytesMax || end >= segmentBytes) return;
    const bytes = Math.min(growthBytes, segmentBytes - end);
    await segment.file.write(nothing.subarray(0, bytes), end).catch(isOfNoUse);
    segment.sizeBytes = end + bytes;
  }

  async function write(segment: Segment, frame: Buffer, isLazy: boolean): Promise<void> {
    const end = segment.position + frame.length;
    // What is lazy, or how large the file is, needs a sync of the whole file; octets in their place do not.
    if (!isLazy && syncedSequence === sequence && end <= segment.sizeBytes) {
      await segment.file.writeDurably(frame, segment.position);
      crashPoint?.('journal-written');
      crashPoint?.('journal-synced');
      return;
    }
    await segment.file.write(frame, segment.position);
    crashPoint?.('journal-written');
    await grow(segment, end);
    if (isLazy) return;
    await segment.file.sync();
    crashPoint?.('journal-synced');
  }

  async function sync(): Promise<void> {
    const segment = current;
    if (segment === undefined || syncedSequence === sequence) return;
    try {
      await segment.file.sync();
    } catch (error) {
      await fail(segment);
      throw error;
    }
    syncedSequence = sequence;
  }

  return {
    async append(changes, counters, isLazy) {
      const segment = current;
      if (segment === undefined) throw new MailError('E_QUEUE_STORE', 'the journal of the queue has failed');
      const frame = writer.write({ epoch, sequence: sequence + 1, syncedSequence, counters }, changes);
      try {
        await write(segment, frame, isLazy);
      } catch (cause) {
        await fail(segment);
        throw new MailError('E_QUEUE_STORE', 'the journal of the queue could not be written', { cause });
      }
      sequence++;
      if (!isLazy) syncedSequence = sequence;
      segment.position += frame.length;
      segment.lastSequence = sequence;
    },
    get sequence() {
      return sequence;
    },
    get isFull() {
      return current !== undefined && current.position >= segmentBytes;
    },
    get isBroken() {
      return current === undefined;
    },
    sync,
    async beginSegment() {
      const before = current;
      // What is lazy in the old segment would not be synced with the new one.
      await sync();
      await begin();
      if (before !== undefined) full.push(before);
    },
    free(upTo) {
      const freed = full.filter((one) => one.lastSequence <= upTo);
      full = full.filter((one) => one.lastSequence > upTo);
      spare.push(...freed);
      if (freed.length > 0) crashPoint?.('segment-freed');
    },
    startBehind(last) {
      sequence = last;
      syncedSequence = last;
    },
    async restart(newEpoch) {
      if (current !== undefined) full.push(current);
      current = undefined;
      spare.push(...full);
      full = [];
      await discard(failed);
      failed = [];
      if (nextNumber === 0) {
        const opened = await openAll(disk);
        segmentBytes = sizeFor(await disk.freeBytes(), segmentBytesMax);
        spare = opened.segments;
        nextNumber = opened.nextNumber;
      }
      epoch = newEpoch;
      syncedSequence = sequence;
      await begin();
    },
    async close() {
      const all = [...(current === undefined ? [] : [current]), ...full, ...spare, ...failed];
      current = undefined;
      full = [];
      spare = [];
      failed = [];
      for (const { file } of all) await file.close();
    },
  };
}

function sizeFor(roomBytes: number, segmentBytesMax: number): number {
  const part = Math.floor(roomBytes / roomPart / blockBytes) * blockBytes;
  return Math.min(segmentBytesMax, Math.max(part, segmentBytesMin));
}

/** The segments that are there, to be used again. Only so many as are needed; the others are removed. */
async function openAll(disk: JournalDisk): Promise<{ segments: Segment[]; nextNumber: number }> {
  const names = await disk.list();
  const segments: Segment[] = [];
  try {
    for (const name of names) {
      if (segmentNumber(name) === undefined || segments.length === segmentsKept) await disk.remove(name);
      else {
        const file = await disk.open(name);
        segments.push({ name, file, position: 0, lastSequence: 0, sizeBytes: file.sizeBytes });
      }
    }
  } catch (error) {
    for (const { file } of segments) await file.close();
    throw error;
  }
  const numbers = names.map((name) => segmentNumber(name) ?? 0);
  return { segments: segments.reverse(), nextNumber: Math.max(0, ...numbers) + 1 };
}

/** One that is written, one that is being moved to the tables, and one for the change between them. */
const segmentsKept = 3;

/** Of a file that is given up. */
function isOfNoUse(): void {}
