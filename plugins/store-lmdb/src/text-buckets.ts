/**
 * What the index of texts knows of a text: which of 65,536 buckets its trigrams fall into. A text that contains another
 * has all of its buckets; the other way round is only likely, so whoever asks looks at the message itself.
 */
import type { TextPiece } from '@postroad/core';

const bucketCount = 65_536;
/** More of a longer text do not tell more. */
const queryBucketsMax = 24;
/** A message with more text is not indexed: it is always looked at. */
export const indexedLengthMax = 4_194_304;

/** The buckets of a message's texts; `undefined` when they are too long. */
export async function bucketsOfTexts(
  pieces: AsyncIterable<TextPiece>,
): Promise<readonly number[] | undefined> {
  const seen = new Uint8Array(bucketCount);
  const buckets: number[] = [];
  let length = 0;
  let tail = '';
  for await (const { text, isMore } of pieces) {
    const joined = isMore ? tail + text : text;
    length += text.length;
    if (length > indexedLengthMax) return undefined;
    collect(joined, seen, buckets);
    tail = joined.slice(-2);
  }
  return buckets;
}

/** Buckets that every message with this text has; `undefined` for a text that is too short to tell. */
export function bucketsOfQuery(foldedText: string): readonly number[] | undefined {
  if (foldedText.length < 3) return undefined;
  const buckets: number[] = [];
  collect(foldedText, new Uint8Array(bucketCount), buckets);
  if (buckets.length <= queryBucketsMax) return buckets;
  const step = buckets.length / queryBucketsMax;
  return Array.from({ length: queryBucketsMax }, (_, at) => buckets[Math.floor(at * step)] as number);
}

function collect(text: string, seen: Uint8Array, buckets: number[]): void {
  let first = text.charCodeAt(0);
  let second = text.charCodeAt(1);
  for (let at = 2; at < text.length; at++) {
    const third = text.charCodeAt(at);
    const mixed = Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca77) ^ Math.imul(third, 0xc2b2ae3d);
    const bucket = (mixed ^ (mixed >>> 15)) & (bucketCount - 1);
    if (seen[bucket] === 0) {
      seen[bucket] = 1;
      buckets.push(bucket);
    }
    first = second;
    second = third;
  }
}
