/** Quota (RFC 9208): one root per account, counted in octets. */
import type { GetQuotaCommand, MailboxCommand } from '../protocol/index.js';
import { mailboxOctets, writeAstring } from '../protocol/index.js';
import { wantMailbox } from './find-mailbox.js';
import { no, type Outcome, ok } from './outcome.js';
import type { Session } from './session.js';

/** The name of the one root. */
const root = '';

/** GETQUOTA. */
export async function getQuota(session: Session, command: GetQuotaCommand): Promise<Outcome> {
  if (command.root !== root) return no('there is no such quota root', 'NONEXISTENT');
  await tellQuota(session);
  return ok('that is the quota');
}

/** GETQUOTAROOT. */
export async function getQuotaRoot(session: Session, command: MailboxCommand): Promise<Outcome> {
  const wanted = await wantMailbox(session, command.mailbox, 'r');
  if (wanted.refusal !== undefined) return wanted.refusal;
  const { mailbox } = wanted;
  if (mailbox.accountId !== session.account) {
    // Whose room it takes is the owner's business.
    session.untagged(`QUOTAROOT ${writeAstring(mailboxOctets(mailbox.name, session.names))}`);
    return ok('that is the quota');
  }
  session.untagged(`QUOTAROOT ${writeAstring(mailboxOctets(mailbox.name, session.names))} "${root}"`);
  await tellQuota(session);
  return ok('that is the quota');
}

/** RFC 9208 section 5.1: STORAGE counts in units of 1024 octets. Without a limit there is nothing to list. */
async function tellQuota(session: Session): Promise<void> {
  const { usedBytes, limitBytes } = await session.server.store.quota(session.account);
  const storage =
    limitBytes === undefined ? '' : `STORAGE ${Math.ceil(usedBytes / 1024)} ${Math.floor(limitBytes / 1024)}`;
  session.untagged(`QUOTA "${root}" (${storage})`);
}
