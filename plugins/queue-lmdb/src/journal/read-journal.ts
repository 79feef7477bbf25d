/**
 * Reads what a journal holds after whatever ended the last run. The end may be torn: the last write was not acknowledged, and
 * any of its sectors may be there without the others. A frame that is missing before that was acknowledged once: then the
 * disk has lost it, which is reported, and the rest goes on.
 */
import { blockBytes, type Frame, readFrame } from './frame.js';
import type { JournalDisk } from './journal-disk.js';

/** What was found. */
export interface JournalContent {
  /** The frames behind those that are in the tables already, in order. */
  readonly frames: readonly Frame[];
  /** Copies of segments in which acknowledged frames are damaged. */
  readonly damaged: readonly string[];
}

interface Found {
  readonly frame: Frame;
  readonly segment: string;
}

/** Reads all segments. Rejects when the disk can't be read. */
export async function readJournal(
  disk: JournalDisk,
  epoch: Buffer,
  appliedSequence: number,
): Promise<JournalContent> {
  const found: Found[] = [];
  for (const segment of await disk.list()) {
    for (const frame of await framesOf(disk, segment, epoch)) {
      if (frame.sequence > appliedSequence) found.push({ frame, segment });
    }
  }
  found.sort((a, b) => a.frame.sequence - b.frame.sequence);
  return inSequence(disk, found, appliedSequence);
}

async function framesOf(disk: JournalDisk, segment: string, epoch: Buffer): Promise<readonly Frame[]> {
  const file = await disk.open(segment);
  try {
    const bytes = await file.read();
    const frames: Frame[] = [];
    for (let at = 0; at < bytes.length; ) {
      const frame = readFrame(bytes, at, epoch);
      if (frame !== undefined) frames.push(frame);
      at += frame?.sizeBytes ?? blockBytes;
    }
    return frames;
  } finally {
    await file.close();
  }
}

async function inSequence(
  disk: JournalDisk,
  found: readonly Found[],
  appliedSequence: number,
): Promise<JournalContent> {
  const frames: Frame[] = [];
  const damaged = new Set<string>();
  let last = { sequence: appliedSequence, segment: found[0]?.segment };
  for (const [at, { frame, segment }] of found.entries()) {
    if (frame.sequence !== last.sequence + 1) {
      // Acknowledged is what somebody later knew to be synced; behind it only the last writes are missing.
      const isLost = found.slice(at).some((one) => one.frame.syncedSequence > last.sequence);
      if (!isLost) break;
      damaged.add(last.segment ?? segment).add(segment);
    }
    frames.push(frame);
    last = { sequence: frame.sequence, segment };
  }
  const kept: string[] = [];
  for (const segment of damaged) kept.push(await disk.setAside(segment));
  return { frames, damaged: kept };
}
