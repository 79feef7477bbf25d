/** Flags of messages (RFC 9051 section 2.3.2): one spelling for each, compared without regard to case. */
import type { FlagChange } from '../services/mailbox-store.js';

const systemFlags: ReadonlyMap<string, string> = new Map(
  ['\\Answered', '\\Deleted', '\\Draft', '\\Flagged', '\\Seen'].map((flag) => [flag.toLowerCase(), flag]),
);

/** Most keywords of one message and most characters of one; what is beyond is dropped. */
const keywordsMax = 200;
const keywordLengthMax = 255;

/** Remembers how keywords were first spelt. Bounded: beyond its limit a keyword keeps the spelling it comes with. */
export class KeywordSpelling {
  readonly #spellings = new Map<string, string>();
  readonly #limit: number;

  /** Whether something was learnt since it was made. */
  isChanged = false;

  constructor(known: Iterable<string> = [], limit = 10_000) {
    this.#limit = limit;
    for (const keyword of known) this.spell(keyword);
    this.isChanged = false;
  }

  /** All spellings. */
  list(): string[] {
    return [...this.#spellings.values()];
  }

  /** The first spelling of a keyword; learns it when it is new. */
  spell(keyword: string): string {
    const key = keyword.toLowerCase();
    const known = this.#spellings.get(key);
    if (known !== undefined) return known;
    if (this.#spellings.size >= this.#limit) return keyword;
    this.#spellings.set(key, keyword);
    this.isChanged = true;
    return keyword;
  }
}

/**
 * The canonical form of a list of flags: system flags in their case, keywords as first spelt, sorted, each once.
 * What has blanks or control characters in it is no flag and is dropped.
 */
export function normaliseFlags(flags: readonly string[], spelling: KeywordSpelling): readonly string[] {
  if (flags.length === 0) return [];
  const kept = new Map<string, string>();
  for (const flag of flags) {
    const key = flag.toLowerCase();
    // \Recent is a property of sessions, not of messages (RFC 3501 section 2.3.2).
    if (key === '\\recent' || flag.length > keywordLengthMax) continue;
    if (kept.size >= keywordsMax && !systemFlags.has(key)) continue;
    if (!/^[^\u0000-\u0020\u007f]+$/.test(flag)) continue;
    if (!kept.has(key)) kept.set(key, systemFlags.get(key) ?? spelling.spell(flag));
  }
  return [...kept.values()].sort();
}

/** The flags after a change, or `undefined` when it changes nothing. `change.flags` and `flags` are canonical. */
export function changedFlags(
  flags: readonly string[],
  change: Pick<FlagChange, 'mode' | 'flags'>,
): readonly string[] | undefined {
  switch (change.mode) {
    case 'replace':
      return isSameList(flags, change.flags) ? undefined : change.flags;
    case 'add': {
      const all = bounded([...flags, ...change.flags.filter((flag) => !flags.includes(flag))]);
      return all.length === flags.length ? undefined : [...all].sort();
    }
    case 'remove': {
      const kept = flags.filter((flag) => !change.flags.includes(flag));
      return kept.length === flags.length ? undefined : kept;
    }
  }
}

/** Without the keywords that came last, when there are too many. System flags are never lost to keywords. */
function bounded(flags: readonly string[]): readonly string[] {
  if (flags.length <= keywordsMax) return flags;
  let keywords = 0;
  return flags.filter((flag) => flag.startsWith('\\') || ++keywords <= keywordsMax);
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((flag, index) => flag === b[index]);
}
