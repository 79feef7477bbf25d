/**
 * \Recent for clients of RFC 3501 (section 2.3.2): a message is recent in the first session that is told of it and may
 * change the mailbox. What sessions of this process have claimed is remembered here, and told to the store when the last
 * of them leaves; a crash makes messages recent again, which the RFC wants where one can't know. RFC 9051 has no \Recent.
 */
import type { Logger, MailboxEntry, MailboxStore } from '@postroad/core';
import type { View } from './view.js';

/** What sessions have claimed of a mailbox: all UIDs up to `upTo`, of which the store knows those up to `savedUpTo`. */
interface Claim {
  upTo: number;
  savedUpTo: number;
  holders: number;
}

/** The claims of all sessions. */
export class RecentMessages {
  readonly #store: MailboxStore;
  readonly #log: Logger;
  readonly #claims = new Map<string, Claim>();

  constructor(store: MailboxStore, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  /** The first UID that would be recent in a new session; `undefined` when the store does not keep it. */
  async first(mailboxId: string): Promise<number | undefined> {
    const stored = await this.#store.firstRecent?.(mailboxId);
    return stored === undefined ? undefined : Math.max(stored, this.#claimedUpTo(mailboxId) + 1);
  }

  /** Finds out what is recent in a view that was opened just now; unless it is for reading only, that is claimed. */
  async open(view: View): Promise<void> {
    const { mailboxId, lastUid } = view;
    if (view.isReadOnly) return this.#fill(view, await this.first(mailboxId));
    const stored = await this.#store.firstRecent?.(mailboxId, lastUid);
    if (stored === undefined) return;
    const claim = this.#claims.get(mailboxId) ?? { upTo: 0, savedUpTo: 0, holders: 0 };
    this.#claims.set(mailboxId, claim);
    this.#fill(view, Math.max(stored, claim.upTo + 1));
    claim.upTo = Math.max(claim.upTo, stored - 1, lastUid);
    claim.savedUpTo = Math.max(claim.savedUpTo, stored - 1, lastUid);
    claim.holders++;
    view.holdsRecent = true;
  }

  /** Claims the messages from an index on, of which the client is told just now. */
  add(view: View, from: number): void {
    const claim = this.#claims.get(view.mailboxId);
    const upTo = claim?.upTo ?? 0;
    for (let index = from; index < view.count; index++) {
      const { uid } = view.entries[index] as MailboxEntry;
      if (uid > upTo && (view.holdsRecent || view.isReadOnly)) view.recent.add(uid);
    }
    if (view.holdsRecent && claim !== undefined) claim.upTo = Math.max(upTo, view.lastUid);
  }

  /** The view is left. */
  close(view: View): void {
    const claim = this.#claims.get(view.mailboxId);
    if (!view.holdsRecent || claim === undefined) return;
    view.holdsRecent = false;
    if (--claim.holders === 0) this.#claims.delete(view.mailboxId);
    if (claim.upTo <= claim.savedUpTo) return;
    claim.savedUpTo = claim.upTo;
    // Nobody waits for it: what is lost is that a message is recent once more.
    this.#store.firstRecent?.(view.mailboxId, claim.upTo).catch((error: unknown) => {
      this.#log.debug('recent messages could not be noted', { error });
    });
  }

  #claimedUpTo(mailboxId: string): number {
    return this.#claims.get(mailboxId)?.upTo ?? 0;
  }

  #fill(view: View, first: number | undefined): void {
    if (first === undefined) return;
    const { entries, recent } = view;
    for (let at = entries.length - 1; at >= 0; at--) {
      const { uid } = entries[at] as MailboxEntry;
      if (uid < first) return;
      recent.add(uid);
    }
  }
}
