/** Words in the form in which they are compared. */

const wordLengthMax = 40;
/** Characters that are looked at in one go: of a long text no more than the words that are asked for. */
const windowLength = 4_096;
const plainWord = /[a-z0-9$%!][a-z0-9$%!'._-]*/g;
const anyWord = /[\p{L}\p{N}$€£%!][\p{L}\p{N}\p{M}$€£%!'’._-]*/gu;
const withoutBlanks = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u;
const isPlain = /^[\x00-\x7f]*$/;

/** The first words of a text, at most so many; scripts without blanks give pairs of characters. */
export function splitWords(text: string, most: number): readonly string[] {
  const words: string[] = [];
  for (let at = 0; at < text.length && words.length < most; ) {
    const end = windowEnd(text, at);
    takeWords(text.slice(at, end), words);
    at = end;
  }
  return words.slice(0, Math.max(0, most));
}

/** Where a window ends: at a blank, so that no word is cut, unless there is none. */
function windowEnd(text: string, start: number): number {
  const end = start + windowLength;
  if (end >= text.length) return text.length;
  const blank = Math.max(text.lastIndexOf(' ', end), text.lastIndexOf('\n', end));
  return blank > start ? blank + 1 : end;
}

function takeWords(text: string, words: string[]): void {
  if (isPlain.test(text)) {
    for (const word of text.toLowerCase().match(plainWord) ?? []) takeWord(word, words);
    return;
  }
  for (const word of text.normalize('NFKC').toLowerCase().match(anyWord) ?? []) {
    if (withoutBlanks.test(word)) words.push(...pairs(word));
    else takeWord(word, words);
  }
}

function takeWord(word: string, words: string[]): void {
  let end = word.length;
  while (end > 0 && isTrailing(word.charCodeAt(end - 1))) end--;
  if (end > wordLengthMax) words.push(`long:${word.slice(0, 8)}`);
  else if (isNumber(word, end)) {
    if (end > 1) words.push(`#${end}`);
  } else if (end > 1 || (end === 1 && /[!$€£%]/.test(word)))
    words.push(end === word.length ? word : word.slice(0, end));
}

/** `'`, `’`, `.`, `_` and `-`. */
function isTrailing(code: number): boolean {
  return code === 0x27 || code === 0x2019 || code === 0x2e || code === 0x5f || code === 0x2d;
}

function isNumber(word: string, end: number): boolean {
  for (let at = 0; at < end; at++) {
    const code = word.charCodeAt(at);
    if (code < 0x30 || code > 0x39) return false;
  }
  return end > 0;
}

function pairs(word: string): readonly string[] {
  const characters = [...word].slice(0, 2_000);
  return characters.slice(1).map((character, at) => `${characters[at]}${character}`);
}
