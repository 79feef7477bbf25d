/** What the answers of a list mean (RFC 5782 section 2.1: addresses within 127/8). */
import { MailError } from '@postroad/core';
import type { CodeMeaning, DnsList } from './options.js';

/** What one list says of one thing. */
export interface Meaning {
  readonly score: number;
  readonly isRejected: boolean;
  readonly isAllowed: boolean;
}

/** `broken`: the answers are none that a list gives, such as the address of a search page or an error code. */
export type Reading = Meaning | 'unlisted' | 'broken';

/** Reads the answers of a list. */
export type CodeReader = (answers: readonly string[]) => Reading;

interface CodeRange {
  readonly first: readonly number[];
  readonly last: readonly number[];
  readonly meaning: CodeMeaning;
}

/** A reader for the codes of a list; throws `E_CONFIG` when one is no code. */
export function codeReader(list: DnsList): CodeReader {
  const weight = list.weight ?? (list.kind === 'allow' ? -3 : 3);
  const usual: CodeMeaning = list.kind === 'allow' ? 'allow' : list.action === 'reject' ? 'reject' : weight;
  const ranges = Object.entries(list.codes ?? {}).map(([code, meaning]) => readRange(code, meaning));
  return (answers) => {
    const codes = answers.map(octetsOf);
    if (codes.length === 0) return 'unlisted';
    if (codes.some(isBroken)) return 'broken';
    const meanings = codes.map((code) =>
      list.codes === undefined ? usual : (ranges.find((range) => isWithin(code, range))?.meaning ?? 'ignore'),
    );
    return sum(meanings, weight);
  };
}

function sum(meanings: readonly CodeMeaning[], weight: number): Reading {
  const known = meanings.filter((meaning) => meaning !== 'ignore');
  if (known.length === 0) return 'unlisted';
  // Several codes are several reasons of one list: the heaviest counts, not their sum.
  const scores = known.map((meaning) => (typeof meaning === 'number' ? meaning : weight));
  return {
    score: scores.reduce((most, one) => (Math.abs(one) > Math.abs(most) ? one : most)),
    isRejected: known.includes('reject'),
    isAllowed: known.includes('allow'),
  };
}

/** Lists answer 127.255.255.0/24 to those whose questions they refuse; 127.0.0.1 and the rest are no list's answers. */
function isBroken([a, b, c, d]: readonly number[]): boolean {
  if (a !== 127) return true;
  return (b === 255 && c === 255) || (b === 0 && c === 0 && (d === 1 || d === 0));
}

function isWithin(code: readonly number[], { first, last }: CodeRange): boolean {
  return code.every((octet, at) => octet >= (first[at] ?? 256) && octet <= (last[at] ?? -1));
}

/** `127.0.0.2`, `127.0.0.4-7`, `127.0.2.*`: each octet a number, a range or anything. */
function readRange(code: string, meaning: CodeMeaning): CodeRange {
  const parts = code.split('.').map((part) => /^(?:(\d{1,3})(?:-(\d{1,3}))?|\*)$/.exec(part));
  if (parts.length !== 4 || parts.includes(null)) {
    throw new MailError('E_CONFIG', `${code} is no return code: write 127.0.0.2, 127.0.0.4-7 or 127.0.2.*`);
  }
  const first = parts.map((part) => Number(part?.[1] ?? 0));
  const last = parts.map((part) => Number(part?.[2] ?? part?.[1] ?? 255));
  return { first, last, meaning };
}

function octetsOf(address: string): readonly number[] {
  const octets = address.split('.').map(Number);
  return octets.length === 4 ? octets : [0, 0, 0, 0];
}
