/**
 * The tables of the queue, as the steps of the store see them: keys are strings in the order of their octets, values are
 * octets. Where they are kept is behind this interface: LMDB, or memory in a simulation.
 */

/** The tables. Their numbers stand in the journal: they never change. */
export const table = {
  /** Id: message with its inline body. */
  messages: 0,
  /** Recipient key: recipients that are not leased. */
  recipients: 1,
  /** Recipient key: recipients that are leased; read at the start only. */
  leased: 2,
  /** Due key, each octet a character: nothing. One for each recipient that is ready or waiting. */
  due: 3,
  /** Counters, what the scheduler remembers, and how far the journal was brought in. */
  facts: 4,
  /** Records that could not be read, by where they were. */
  quarantine: 5,
} as const;

/** One of the tables. */
export type TableId = (typeof table)[keyof typeof table];

/** How many there are. */
export const tableCount = 6;

/** A value that is put, or a key that is removed. */
export interface Change {
  readonly table: TableId;
  readonly key: string;
  /** `undefined` removes. */
  readonly value: Buffer | undefined;
  /** Octets that belong to the value, behind it: apart, so that nobody copies them before they are written. */
  readonly rest?: Uint8Array | undefined;
}

/** Octets of a value. */
export function octetsOf({ value, rest }: Pick<Change, 'value' | 'rest'>): number {
  return (value?.length ?? 0) + (rest?.length ?? 0);
}

/** A value in one piece; `undefined` for a key that is removed. */
export function wholeValue({ value, rest }: Pick<Change, 'value' | 'rest'>): Buffer | undefined {
  return value === undefined || rest === undefined ? value : Buffer.concat([value, rest]);
}

/** Some entries of a table. */
export interface KeyRange {
  /** From this key on. */
  readonly start: string;
  /** Up to this key, without it; to the end when left out. */
  readonly end?: string;
}

/** An entry. */
export interface Entry {
  readonly key: string;
  readonly value: Buffer;
}

/** Reads tables. */
export interface TableReader {
  get(of: TableId, key: string): Buffer | undefined;
  has(of: TableId, key: string): boolean;
  /** In the order of keys. What is not read to its end must be left by `break` or `return`. */
  range(of: TableId, range: KeyRange): Iterable<Entry>;
  /** As `range`, without the values. */
  keys(of: TableId, range: KeyRange): Iterable<string>;
}

/** Where the tables are kept. */
export interface Tables extends TableReader {
  /** Writes all of it in one transaction, durably. Rejects with `E_QUEUE_STORE` when nothing of it was kept. */
  commit(changes: readonly Change[]): Promise<void>;
  close(): Promise<void>;
}

/** Nothing, as a value. */
export const empty = Buffer.alloc(0);
