/**
 * What the index of texts knows of a message: which of 262,144 numbers its trigrams fall into. PostgreSQL's own words and
 * stems would not do: IMAP asks for any part of a text (RFC 9051 section 6.4.4), and a "no" of the index must be certain.
 * An inverted index (GIN) over these numbers says no with certainty and yes with likelihood.
 */
import type { TextPiece } from '@postroad/core';

const numbersMax = 262_144;
/** A message with more different trigrams is not indexed: it is always looked at. */
const gramsMax = 20_000;
/** More of a longer text do not tell more. */
const queryGramsMax = 24;

/** The numbers of a message's texts; `null` when there are too many. */
export async function gramsOfTexts(pieces: AsyncIterable<TextPiece>): Promise<readonly number[] | null> {
  const grams = new Set<number>();
  let tail = '';
  for await (const { text, isMore } of pieces) {
    const joined = isMore ? tail + text : text;
    collect(joined, grams);
    if (grams.size > gramsMax) return null;
    tail = joined.slice(-2);
  }
  return [...grams];
}

/** Numbers that every message with this text has; `undefined` for a text that is too short to tell. */
export function gramsOfQuery(foldedText: string): readonly number[] | undefined {
  if (foldedText.length < 3) return undefined;
  const grams = new Set<number>();
  collect(foldedText, grams);
  const all = [...grams];
  const step = Math.max(1, all.length / queryGramsMax);
  return Array.from(
    { length: Math.min(all.length, queryGramsMax) },
    (_, at) => all[Math.floor(at * step)] as number,
  );
}

function collect(text: string, grams: Set<number>): void {
  for (let at = 2; at < text.length; at++) {
    const mixed =
      Math.imul(text.charCodeAt(at - 2), 0x9e37_79b1) ^
      Math.imul(text.charCodeAt(at - 1), 0x85eb_ca77) ^
      Math.imul(text.charCodeAt(at), 0xc2b2_ae3d);
    grams.add((mixed ^ (mixed >>> 14)) & (numbersMax - 1));
  }
}
