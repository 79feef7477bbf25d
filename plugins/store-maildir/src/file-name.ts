/**
 * Names of message files: a base that never changes, then `:2,` and a letter for each flag. `,S=` in the base is the
 * size of the file, `,W=` the size with CRLF line ends; where both are the same the octets are as they were given.
 */

/** A flag for each letter (https://cr.yp.to/proto/maildir.html). */
const systemLetters: readonly (readonly [letter: string, flag: string])[] = [
  ['D', '\\Draft'],
  ['F', '\\Flagged'],
  ['R', '\\Answered'],
  ['S', '\\Seen'],
  ['T', '\\Deleted'],
];
const letterOf: ReadonlyMap<string, string> = new Map(systemLetters.map(([letter, flag]) => [flag, letter]));
const flagOf: ReadonlyMap<string, string> = new Map(systemLetters);
/** The letter of messages that were passed on, which other programs set; as a keyword it is `$Forwarded`. */
const passed = 'P';
const forwarded = '$Forwarded';
/** Keywords have the letters from a to z, as Dovecot gives them. */
export const keywordLettersMax = 26;

/** The part of a name that stays: before the flags. */
export function baseOf(name: string): string {
  const end = name.indexOf(':');
  return end < 0 ? name : name.slice(0, end);
}

/** The letters of a name. */
export function lettersIn(name: string): string {
  return /:2,([A-Za-z]*)/.exec(name)?.[1] ?? '';
}

/** Sizes that a base tells of. */
export function sizesIn(base: string): { readonly fileOctets?: number; readonly messageOctets?: number } {
  const fileOctets = /,S=(\d{1,15})(?:,|$)/.exec(base)?.[1];
  const messageOctets = /,W=(\d{1,15})(?:,|$)/.exec(base)?.[1];
  return {
    ...(fileOctets === undefined ? {} : { fileOctets: Number(fileOctets) }),
    ...(messageOctets === undefined ? {} : { messageOctets: Number(messageOctets) }),
  };
}

/** Whether the file's octets are the message's. */
export function isVerbatim(base: string): boolean {
  const { fileOctets, messageOctets } = sizesIn(base);
  return fileOctets !== undefined && fileOctets === messageOctets;
}

/** The flags that letters stand for; those that mean nothing here are passed over. */
export function flagsOf(letters: string, keywords: readonly (string | undefined)[]): readonly string[] {
  const flags: string[] = [];
  for (const letter of letters) {
    const flag = flagOf.get(letter) ?? (letter === passed ? forwarded : keywords[letter.charCodeAt(0) - 97]);
    if (flag !== undefined && !flags.includes(flag)) flags.push(flag);
  }
  return flags;
}

/**
 * The letters of flags, in order of the alphabet. Keywords without a letter are left out. Letters in `before` that
 * mean nothing here stay.
 */
export function lettersOf(
  flags: readonly string[],
  keywords: readonly (string | undefined)[],
  before: string,
): string {
  const letters = new Set<string>();
  for (const letter of before) {
    if (letter === passed ? flags.includes(forwarded) : flagsOf(letter, keywords).length === 0)
      letters.add(letter);
  }
  for (const flag of flags) {
    const at = placeOfKeyword(keywords, flag);
    const letter = letterOf.get(flag) ?? (at < 0 ? undefined : String.fromCharCode(97 + at));
    if (letter !== undefined) letters.add(letter);
  }
  return [...letters].sort().join('');
}

/** The place of a keyword, in any case; -1 when it has none. */
export function placeOfKeyword(keywords: readonly (string | undefined)[], keyword: string): number {
  const lower = keyword.toLowerCase();
  return keywords.findIndex((known) => known?.toLowerCase() === lower);
}
