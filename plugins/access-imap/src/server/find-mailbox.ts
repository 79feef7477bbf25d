/**
 * Mailboxes by the names a client gives them: one's own as they are, those that others share below `Other Users/` and
 * their owner (RFC 2342 section 5), each with what may be done with it (RFC 4314).
 */
import { allRights, type Mailbox, normaliseMailboxName } from '@postroad/core';
import { hierarchySeparator } from '../protocol/index.js';
import { no, type Outcome } from './outcome.js';
import type { Session } from './session.js';

/** Where the mailboxes of others stand. */
export const otherUsers = `Other Users${hierarchySeparator}`;

/** A mailbox as the client knows it: `name` is what it is called here, `rights` letters of RFC 4314. */
export interface FoundMailbox {
  readonly mailbox: Mailbox;
  readonly rights: string;
}

/** A mailbox, or why it can't be used. */
export type Wanted = (FoundMailbox & { readonly refusal?: undefined }) | { readonly refusal: Outcome };

/** Whether a name is of somebody else's mailbox. */
export function isOfOthers(name: string): boolean {
  return name.startsWith(otherUsers);
}

/** The mailbox of a name, when there is one that the account may know of. */
export async function findMailbox(session: Session, name: string): Promise<FoundMailbox | undefined> {
  const { store } = session.server;
  if (!session.server.hasShares || !isOfOthers(name)) {
    const mailbox = await store.mailboxByName(session.account, name);
    return mailbox === undefined ? undefined : { mailbox, rights: allRights };
  }
  const normal = normaliseMailboxName(name);
  return (await mailboxesOfOthers(session)).find(({ mailbox }) => mailbox.name === normal);
}

/** The same, with a right that is needed; `code` is the response code when there is no such mailbox. */
export async function wantMailbox(
  session: Session,
  name: string,
  right: string,
  code = 'NONEXISTENT',
): Promise<Wanted> {
  const found = await findMailbox(session, name);
  // RFC 4314 section 6: who may not even list it does not learn that it is there.
  if (found === undefined || (!found.rights.includes('l') && !found.rights.includes(right))) {
    return { refusal: no('there is no such mailbox', code) };
  }
  return found.rights.includes(right) ? found : { refusal: notAllowed() };
}

/** RFC 5530. */
export function notAllowed(): Outcome {
  return no('you may not do that with this mailbox', 'NOPERM');
}

/** All mailboxes that the account may know of: its own, then those of others. */
export async function knownMailboxes(session: Session): Promise<readonly FoundMailbox[]> {
  const own = await session.server.store.mailboxes(session.account);
  return [...own.map((mailbox) => ({ mailbox, rights: allRights })), ...(await mailboxesOfOthers(session))];
}

/** The mailboxes that others share with the account, by the names they have here. */
export async function mailboxesOfOthers(session: Session): Promise<readonly FoundMailbox[]> {
  if (!session.server.hasShares) return [];
  const shared = (await session.server.store.sharedWith?.(session.account)) ?? [];
  return shared
    .map(({ mailbox, rights }) => {
      const name = `${otherUsers}${ownerLevel(mailbox.accountId)}${hierarchySeparator}${mailbox.name}`;
      // Subscriptions and uses are the owner's.
      const { specialUse: _, ...facts } = mailbox;
      return { mailbox: { ...facts, name, isSubscribed: false }, rights };
    })
    .sort((a, b) => (a.mailbox.name < b.mailbox.name ? -1 : 1));
}

/** An account's id as one level of a name. */
function ownerLevel(accountId: string): string {
  return accountId.replace(/[%/]/g, encodeURIComponent).normalize('NFC');
}
