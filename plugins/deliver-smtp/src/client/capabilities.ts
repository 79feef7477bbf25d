/** What a server offers in its answer to EHLO or LHLO (RFC 5321 section 4.1.1.1). */

import { parseLimits, type ServerLimits } from './limits.js';

/** Keywords in upper case with their parameters. */
export interface Capabilities {
  has(keyword: string): boolean;
  /** The words behind a keyword; empty when it has none or is not offered. */
  words(keyword: string): readonly string[];
  /** The largest message that is taken (RFC 1870); 0 when there is no fixed limit. */
  readonly sizeBytesMax: number;
  /** How much the server wants at once (RFC 9422). */
  readonly limits: ServerLimits;
}

/** Reads the lines behind the first, which is a greeting. */
export function parseCapabilities(lines: readonly string[]): Capabilities {
  const offered = new Map<string, readonly string[]>();
  for (const line of lines.slice(1)) {
    // Some servers write AUTH=PLAIN LOGIN for clients of the last century.
    const [keyword = '', ...words] = line
      .replace(/^AUTH=/i, 'AUTH ')
      .trim()
      .split(/\s+/);
    const name = keyword.toUpperCase();
    if (name !== '') offered.set(name, [...(offered.get(name) ?? []), ...words]);
  }
  // RFC 1870 section 3: decimal digits. What is something else, or more than anybody has, limits nothing.
  const said = offered.get('SIZE')?.[0] ?? '';
  const size = /^\d{1,20}$/.test(said) ? Number(said) : 0;
  return {
    has: (keyword) => offered.has(keyword),
    words: (keyword) => offered.get(keyword) ?? [],
    sizeBytesMax: Number.isSafeInteger(size) && size > 0 ? size : 0,
    limits: parseLimits(offered.get('LIMITS') ?? []),
  };
}

/** A server that knows only HELO. */
export const noCapabilities: Capabilities = parseCapabilities([]);
