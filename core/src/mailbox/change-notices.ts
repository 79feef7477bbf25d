/** Tells those who watch an account that something happened. */
import type { Changes } from '../services/changes.js';
import type { ChangeNotice } from '../services/mailbox-store.js';

type Listener = (notice: ChangeNotice) => void;

/** The watchers of one process. */
export class ChangeNotices {
  readonly #listeners = new Map<string, Set<Listener>>();
  #changes: Changes | undefined;
  readonly #onError: (error: unknown) => void;

  /** `onError` gets what a listener threw; the others are told all the same. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Adds a listener; returns how to stop. The same function may be added twice and is then told twice. */
  watch(accountId: string, listener: Listener): () => void {
    const own: Listener = (notice) => listener(notice);
    const listeners = this.#listeners.get(accountId) ?? new Set();
    this.#listeners.set(accountId, listeners.add(own));
    return () => {
      listeners.delete(own);
      if (listeners.size === 0 && this.#listeners.get(accountId) === listeners) {
        this.#listeners.delete(accountId);
      }
    };
  }

  /**
   * Tells other processes what is told here, and here what they tell. After a gap everything that is watched is told as
   * changed: `mailboxesOf` gives the mailboxes of an account. Returns how to stop.
   */
  share(changes: Changes, mailboxesOf: (accountId: string) => readonly string[]): () => void {
    this.#changes = changes;
    const stop = changes.subscribe({
      notice: (notice) => this.#tellHere(notice),
      gap: () => {
        for (const accountId of [...this.#listeners.keys()]) {
          this.#tellHere({ accountId });
          for (const mailboxId of mailboxesOf(accountId)) this.#tellHere({ accountId, mailboxId });
        }
      },
    });
    return () => {
      this.#changes = undefined;
      stop();
    };
  }

  /** The accounts that somebody watches. */
  accounts(): IterableIterator<string> {
    return this.#listeners.keys();
  }

  tell(notice: ChangeNotice): void {
    this.#changes?.publish(notice);
    this.#tellHere(notice);
  }

  #tellHere(notice: ChangeNotice): void {
    const listeners = this.#listeners.get(notice.accountId);
    if (listeners === undefined) return;
    for (const listener of [...listeners]) {
      try {
        listener(notice);
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}
