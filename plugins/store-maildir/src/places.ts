/** Where each message is: copies of one message have one id. */
import type { MailboxEntry } from '@postroad/core';
import type { Folder, FolderWatcher } from './folder.js';

/** A message in a mailbox. */
export interface Place {
  readonly folder: Folder;
  readonly uid: number;
}

/** All places of the messages of the accounts in memory. */
export class Places {
  readonly #places = new Map<string, Place[]>();

  of(messageId: string): readonly Place[] {
    return this.#places.get(messageId) ?? [];
  }

  add(messageId: string, place: Place): void {
    const places = this.#places.get(messageId);
    if (places === undefined) this.#places.set(messageId, [place]);
    else places.push(place);
  }

  remove(messageId: string, { folder, uid }: Place): void {
    const places = this.#places.get(messageId) ?? [];
    const rest = places.filter((place) => place.folder !== folder || place.uid !== uid);
    if (rest.length === 0) this.#places.delete(messageId);
    else this.#places.set(messageId, rest);
  }
}

/** Most Message-IDs that an account remembers for threads. */
const threadIdsMax = 100_000;

/** Watches the mailboxes of one account for the places of its messages and the threads they are in. */
export class AccountPlaces implements FolderWatcher {
  readonly #places: Places;
  readonly #threads = new Map<string, string>();

  constructor(places: Places) {
    this.#places = places;
  }

  /** The thread that one of the Message-IDs is in, the nearest first. */
  threadOf(ids: readonly string[]): string | undefined {
    const known = ids.find((id) => this.#threads.has(id));
    return known === undefined ? undefined : this.#threads.get(known);
  }

  added(folder: Folder, entry: MailboxEntry, ownId: string | null): void {
    this.#places.add(entry.messageId, { folder, uid: entry.uid });
    if (ownId === null || this.#threads.has(ownId)) return;
    this.#threads.set(ownId, entry.threadId);
    if (this.#threads.size <= threadIdsMax) return;
    for (const oldest of this.#threads.keys()) {
      this.#threads.delete(oldest);
      break;
    }
  }

  removed(folder: Folder, entry: MailboxEntry): void {
    this.#places.remove(entry.messageId, { folder, uid: entry.uid });
  }
}
