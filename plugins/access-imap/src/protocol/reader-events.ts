/** What the command reader is bounded by, and what it tells. */

/** Bounds of what a client may send; far tighter before login than after. */
export interface ReaderLimits {
  /** One line of a command, in octets. */
  readonly lineOctetsMax: number;
  /** One literal that is kept in memory, in octets. */
  readonly literalOctetsMax: number;
  /** All lines and kept literals of one command, in octets. */
  readonly commandOctetsMax: number;
  /** How many literals a command may have. */
  readonly literalsMax: number;
  /** A refused literal that the client sends anyway (LITERAL+) is skipped up to this size; above, it is fatal. */
  readonly skipOctetsMax: number;
}

/** A literal of a command: its octets, or `undefined` when they were streamed to the owner. */
export interface Literal {
  readonly octets: string | undefined;
  readonly sizeOctets: number;
  /** Whether it was a literal8 (RFC 3516). */
  readonly isBinary: boolean;
}

/** A command as it came: `texts[0] literals[0] texts[1] ...`; there is always one text more than literals. */
export interface RawCommand {
  readonly texts: readonly string[];
  readonly literals: readonly Literal[];
}

/** A literal announced: answer with `keepLiteral`, `streamLiteral` or `refuseLiteral` before asking for more. */
export interface LiteralEvent {
  readonly kind: 'literal';
  /** What came until now. */
  readonly command: RawCommand;
  readonly sizeOctets: number;
  /** Whether the client waits for a continuation request. */
  readonly isSynchronizing: boolean;
  readonly isBinary: boolean;
}

/** What the reader found. */
export type ReaderEvent =
  | LiteralEvent
  | { readonly kind: 'command'; readonly command: RawCommand }
  /** Octets of a literal that the owner asked to stream. */
  | { readonly kind: 'octets'; readonly bytes: Uint8Array; readonly isLast: boolean }
  /** A line asked for with `expectLine`, without its line break. */
  | { readonly kind: 'line'; readonly octets: string }
  /** Something over a bound. `tag` is what stood before the first blank, `*` when that is no tag. */
  | { readonly kind: 'fault'; readonly tag: string; readonly text: string; readonly isFatal: boolean };
