/** How the mailbox store in memory is made. */

/** What the store in memory needs. */
export interface StoreMemoryOptions {
  /** The time in milliseconds, for dates of saving and new UIDVALIDITYs. */
  readonly nowMs: () => number;
  /** Gets what a watcher threw; nothing happens to it by default. */
  readonly onError?: (error: unknown) => void;
  /** How many removed UIDs a mailbox remembers for `changes`; 100,000 by default. */
  readonly vanishedMax?: number;
}
