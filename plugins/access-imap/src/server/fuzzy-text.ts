/**
 * Finding words that are only nearly the same (RFC 6203): accents do not count, and longer words may differ in a letter
 * or two. Text is taken in pieces, so that a message need not be held whole.
 */
import { foldText } from '@postroad/core';

/** Words that are longer differ from everything a person would look for. */
const wordLengthMax = 64;
const wordsMax = 50;
/** Different words of one text that are compared; of more the rest counts only when it is the same. */
const comparedMax = 20_000;
const wordPattern = /[\p{L}\p{N}]+/gu;
/** How well words fit that are a part of another word. */
const insideScore = 0.9;

interface Wanted {
  readonly word: string;
  readonly distanceMax: number;
}

/** The words to look for. */
export class FuzzyQuery {
  readonly wanted: readonly Wanted[];

  constructor(text: string) {
    const words = (plain(text).match(wordPattern) ?? []).slice(0, wordsMax);
    this.wanted = [...new Set(words)].map((word) => ({ word, distanceMax: distanceAllowed(word.length) }));
  }

  /** How well a text fits, from 0, not at all, to 1. */
  score(text: string): number {
    const reading = new FuzzyReading(this);
    reading.take(text);
    return reading.finish();
  }
}

/** One text being read. */
export class FuzzyReading {
  readonly #query: FuzzyQuery;
  readonly #best: number[];
  readonly #compared = new Set<string>();
  #tail = '';

  constructor(query: FuzzyQuery) {
    this.#query = query;
    this.#best = query.wanted.map(() => 0);
  }

  /** Takes a piece of text; a word may go on in the next one. */
  take(text: string): void {
    const joined = this.#tail + plain(text);
    const end = joined.search(/[\p{L}\p{N}]*$/u);
    this.#tail = joined.slice(end, end + wordLengthMax);
    this.#compare(joined.slice(0, end));
  }

  /** Ends the text. All words must have been found, nearly at least; 0 when one was not. */
  finish(): number {
    this.#compare(this.#tail);
    this.#tail = '';
    let sum = 0;
    for (const score of this.#best) {
      if (score === 0) return 0;
      sum += score;
    }
    return this.#best.length === 0 ? 1 : sum / this.#best.length;
  }

  #compare(text: string): void {
    for (const [word] of text.matchAll(wordPattern)) {
      if (word.length > wordLengthMax || this.#compared.has(word)) continue;
      if (this.#compared.size < comparedMax) this.#compared.add(word);
      this.#query.wanted.forEach((wanted, at) => {
        if ((this.#best[at] as number) < 1)
          this.#best[at] = Math.max(this.#best[at] as number, likeness(word, wanted));
      });
    }
  }
}

function distanceAllowed(length: number): number {
  if (length < 4) return 0;
  return length < 8 ? 1 : 2;
}

function plain(text: string): string {
  return foldText(text).replace(/\p{M}+/gu, '');
}

function likeness(word: string, { word: wanted, distanceMax }: Wanted): number {
  if (word === wanted) return 1;
  if (word.includes(wanted)) return insideScore;
  if (distanceMax === 0 || Math.abs(word.length - wanted.length) > distanceMax) return 0;
  const distance = editDistance(word, wanted, distanceMax);
  return distance > distanceMax ? 0 : 1 - distance / wanted.length;
}

/** Letters to add, leave out or change; what is above `max` is only known to be above it. */
function editDistance(a: string, b: string, max: number): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const changed = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const value = Math.min(changed, (row[j] as number) + 1, (next[j - 1] as number) + 1);
      next.push(value);
      least = Math.min(least, value);
    }
    if (least > max) return max + 1;
    row = next;
  }
  return row[b.length] as number;
}
