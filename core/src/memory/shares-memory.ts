/** Who may use which mailboxes of `store-memory` beside their owners. */
import { MailError } from '../errors.js';
import { anyone, joinedRights, sharesMax } from '../mailbox/access-rights.js';

/** Rights by mailbox, then by account. */
export class SharesMemory {
  readonly #mailboxes = new Map<string, Map<string, string>>();

  of(mailboxId: string): ReadonlyMap<string, string> {
    return new Map(this.#mailboxes.get(mailboxId));
  }

  set(mailboxId: string, accountId: string, rights: string): void {
    const shares = this.#mailboxes.get(mailboxId) ?? new Map<string, string>();
    if (rights === '') shares.delete(accountId);
    else if (shares.size >= sharesMax && !shares.has(accountId))
      throw new MailError('E_QUOTA', 'the mailbox is shared with too many');
    else shares.set(accountId, rights);
    this.#mailboxes.set(mailboxId, shares);
  }

  /** Ids of mailboxes that an account has rights to, and which. */
  with(accountId: string): readonly (readonly [mailboxId: string, rights: string])[] {
    return [...this.#mailboxes].flatMap(([mailboxId, shares]) => {
      const rights = joinedRights([shares.get(accountId) ?? '', shares.get(anyone) ?? '']);
      return rights === '' ? [] : [[mailboxId, rights] as const];
    });
  }

  drop(mailboxId: string): void {
    this.#mailboxes.delete(mailboxId);
  }
}
