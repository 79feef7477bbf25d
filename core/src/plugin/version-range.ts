/**
 * Ranges of versions as package.json writes them, without pre-releases: `^1.2.0`, `~1.2`, `1.x`, `>=1.2 <3`, `*`, and
 * alternatives with `||`. Enough to say which core a plugin is made for.
 */

type Version = readonly [number, number, number];

interface Bounds {
  readonly from: Version;
  /** The first version beyond; `undefined` when there is no end. */
  readonly below: Version | undefined;
}

const comparatorPattern = /^(\^|~|>=|<=|>|<|=)?v?(\d+|x|\*)(?:\.(\d+|x|\*))?(?:\.(\d+|x|\*))?$/i;
const first: Version = [0, 0, 0];

/** Whether the version is in the range; `undefined` when the range can't be read. Pre-release tags are ignored. */
export function isInRange(version: string, range: string): boolean | undefined {
  const wanted = readVersion(version);
  if (wanted === undefined) return undefined;
  let isInside = false;
  for (const alternative of range.split('||')) {
    const bounds = readAlternative(alternative);
    if (bounds === undefined) return undefined;
    isInside ||= bounds.every((bound) => isWithin(wanted, bound));
  }
  return isInside;
}

function readVersion(text: string): Version | undefined {
  const match = /^v?(\d+)\.(\d+)\.(\d+)/.exec(text);
  return match === null ? undefined : [Number(match[1]), Number(match[2]), Number(match[3])];
}

function readAlternative(text: string): readonly Bounds[] | undefined {
  const words = text
    .trim()
    .replace(/([<>=^~])\s+/g, '$1')
    .split(/\s+/);
  const bounds: Bounds[] = [];
  for (const word of words) {
    const bound = word === '' ? { from: first, below: undefined } : readComparator(word);
    if (bound === undefined) return undefined;
    bounds.push(bound);
  }
  return bounds;
}

function readComparator(word: string): Bounds | undefined {
  const match = comparatorPattern.exec(word);
  if (match === null) return undefined;
  const parts = match
    .slice(2)
    .map((part) => (part === undefined || /[x*]/i.test(part) ? undefined : Number(part)));
  const [major, minor, patch] = parts;
  if (major === undefined) return { from: first, below: undefined };
  const from: Version = [major, minor ?? 0, patch ?? 0];
  // What the written part leaves open: `1.2` is everything in 1.2.
  const beyond = minor === undefined ? up(from, 0) : patch === undefined ? up(from, 1) : up(from, 2);
  switch (match[1] ?? '=') {
    case '^':
      return {
        from,
        below: up(from, major > 0 || minor === undefined ? 0 : minor > 0 || patch === undefined ? 1 : 2),
      };
    case '~':
      return { from, below: minor === undefined ? up(from, 0) : up(from, 1) };
    case '>=':
      return { from, below: undefined };
    case '>':
      return { from: beyond, below: undefined };
    case '<':
      return { from: first, below: from };
    case '<=':
      return { from: first, below: beyond };
    default:
      return { from, below: beyond };
  }
}

/** The next version that differs at this part. */
function up(version: Version, part: 0 | 1 | 2): Version {
  if (part === 0) return [version[0] + 1, 0, 0];
  if (part === 1) return [version[0], version[1] + 1, 0];
  return [version[0], version[1], version[2] + 1];
}

function isWithin(version: Version, bounds: Bounds): boolean {
  return (
    compare(version, bounds.from) >= 0 && (bounds.below === undefined || compare(version, bounds.below) < 0)
  );
}

function compare(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}
