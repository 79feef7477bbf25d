/**
 * The index of texts: for every bucket of trigrams, which messages of a segment have it. Messages are numbered in the
 * order in which they came, so a segment is 1,024 numbers, and the index is behind by a known number. It is built in
 * the background; what it does not know yet is looked at.
 */
import { foldedTexts } from '@postroad/core';
import type { Change } from './change.js';
import type { Counters } from './change-records.js';
import type { Engine } from './engine.js';
import { decodeMessage } from './message-codec.js';
import { parseId } from './records.js';
import { pair, type Tables, viewOf } from './tables.js';
import { bucketsOfQuery, bucketsOfTexts } from './text-buckets.js';

/** Messages of a segment. */
export const segmentSize = 1_024;
const bitmapOctets = segmentSize / 8;
/** Stands behind all buckets, for messages whose texts are too long or can't be read. */
const unboundedBucket = 65_536;
/** Messages read for one step, and rows written in one commit: the event loop is held for each. */
const stepMessages = 512;
const commitRows = 1_000;
const watermark = 'texts-indexed';

/** Indexes the next few messages; resolves to how many message numbers were passed, 0 when none is left. */
export async function indexTexts(engine: Engine, signal: AbortSignal): Promise<number> {
  const from = engine.read(indexedUpTo) + 1;
  const last = engine.read((tables) => (tables.meta.get('counters') as Counters | undefined)?.message ?? 0);
  const segment = Math.floor(from / segmentSize);
  const to = Math.min(last, from + stepMessages - 1, (segment + 1) * segmentSize - 1);
  if (to < from) return 0;
  const rows = new Map<number, number[]>();
  for (let number = from; number <= to; number++) {
    if (signal.aborted) return 0;
    for (const bucket of await bucketsOfMessage(engine, number)) {
      const slots = rows.get(bucket);
      if (slots === undefined) rows.set(bucket, [number % segmentSize]);
      else slots.push(number % segmentSize);
    }
  }
  const all = [...rows];
  for (let at = 0; at < all.length; at += commitRows) {
    const some = all.slice(at, at + commitRows);
    await engine.run((change) => addRows(change, segment, some));
  }
  // Only now are these messages known: a crash before this indexes them again.
  await engine.run((change) => change.write(() => void engine.tables.meta.put(watermark, to)));
  return to - from + 1;
}

/** How many message numbers the index has passed, and how many there are. Searches look at the others one by one. */
export function textIndexState(engine: Engine): { readonly indexed: number; readonly all: number } {
  return engine.read((tables) => ({
    indexed: indexedUpTo(tables),
    all: (tables.meta.get('counters') as Counters | undefined)?.message ?? 0,
  }));
}

/** Tells which messages may contain a text; `undefined` when the index can't say anything of it. */
export function textCandidates(
  engine: Engine,
  foldedText: string,
): ((messageId: string) => boolean) | undefined {
  const buckets = bucketsOfQuery(foldedText);
  const indexed = engine.read(indexedUpTo);
  if (buckets === undefined || indexed === 0) return undefined;
  const segments = new Map<number, Uint8Array>();
  return (messageId) => {
    const number = parseId('M', messageId);
    if (number === undefined || number > indexed) return true;
    const segment = Math.floor(number / segmentSize);
    let bits = segments.get(segment);
    if (bits === undefined) {
      bits = engine.read((tables) => matchSegment(tables, segment, buckets));
      segments.set(segment, bits);
    }
    const slot = number % segmentSize;
    return ((bits[slot >> 3] as number) & (1 << (slot & 7))) !== 0;
  };
}

function indexedUpTo(tables: Tables): number {
  return (tables.meta.get(watermark) as number | undefined) ?? 0;
}

async function bucketsOfMessage(engine: Engine, number: number): Promise<readonly number[]> {
  const row = engine.read((tables) => tables.messages.get(number));
  if (row === undefined) return [];
  const message = decodeMessage(number, row);
  const body = engine.read(() => engine.bodies.open(message));
  if (body === undefined) return [];
  try {
    return (await bucketsOfTexts(foldedTexts(message.stored, body))) ?? [unboundedBucket];
  } catch (error) {
    engine.options.onError('a message could not be indexed', error);
    return [unboundedBucket];
  } finally {
    await body.release();
  }
}

function addRows(
  change: Change,
  segment: number,
  rows: readonly (readonly [number, readonly number[]])[],
): void {
  const { texts } = change.environment.tables;
  for (const [bucket, slots] of rows) {
    const key = pair(segment, bucket);
    const bits = readRow(viewOf(texts, key));
    for (const slot of slots) bits[slot >> 3] = (bits[slot >> 3] as number) | (1 << (slot & 7));
    const encoded = encodeRow(bits);
    change.write(() => void texts.put(key, encoded));
  }
}

function matchSegment({ texts }: Tables, segment: number, buckets: readonly number[]): Uint8Array {
  const matching = new Uint8Array(bitmapOctets).fill(255);
  for (const bucket of buckets) {
    const bits = readRow(viewOf(texts, pair(segment, bucket)));
    let any = 0;
    for (let at = 0; at < bitmapOctets; at++) {
      const both = (matching[at] as number) & (bits[at] as number);
      matching[at] = both;
      any |= both;
    }
    if (any === 0) break;
  }
  const always = readRow(viewOf(texts, pair(segment, unboundedBucket)));
  for (let at = 0; at < bitmapOctets; at++) matching[at] = (matching[at] as number) | (always[at] as number);
  return matching;
}

/** A row is a bitmap, or, while that is shorter, the list of its slots. */
function readRow(octets: Buffer | undefined): Uint8Array {
  const bits = new Uint8Array(bitmapOctets);
  if (octets === undefined) return bits;
  if (octets.length === bitmapOctets) {
    bits.set(octets);
    return bits;
  }
  for (let at = 0; at < octets.length; at += 2) {
    const slot = octets.readUInt16LE(at);
    bits[slot >> 3] = (bits[slot >> 3] as number) | (1 << (slot & 7));
  }
  return bits;
}

function encodeRow(bits: Uint8Array): Buffer {
  const slots: number[] = [];
  for (let slot = 0; slot < segmentSize; slot++) {
    if (((bits[slot >> 3] as number) & (1 << (slot & 7))) !== 0) slots.push(slot);
  }
  if (slots.length * 2 >= bitmapOctets) return Buffer.from(bits);
  const octets = Buffer.allocUnsafe(slots.length * 2);
  for (const [index, slot] of slots.entries()) octets.writeUInt16LE(slot, index * 2);
  return octets;
}
