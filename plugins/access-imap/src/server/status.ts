/** STATUS (RFC 9051 section 6.3.11 and its extensions). */
import type { Mailbox } from '@postroad/core';
import { mailboxOctets, type StatusCommand, type StatusItem, writeAstring } from '../protocol/index.js';
import { enableCondstore } from './condstore.js';
import { wantMailbox } from './find-mailbox.js';
import { type Outcome, ok } from './outcome.js';
import type { Session } from './session.js';

/** STATUS. */
export async function status(session: Session, command: StatusCommand): Promise<Outcome> {
  const wanted = await wantMailbox(session, command.mailbox, 'r');
  if (wanted.refusal !== undefined) return wanted.refusal;
  await writeStatus(session, wanted.mailbox, command.items);
  return ok('that is the status');
}

/** Tells items of one mailbox. */
export async function writeStatus(
  session: Session,
  mailbox: Mailbox,
  items: readonly StatusItem[],
): Promise<void> {
  const values: string[] = [];
  for (const item of items) values.push(`${item} ${await statusValue(session, mailbox, item)}`);
  const name = writeAstring(mailboxOctets(mailbox.name, session.names));
  session.untagged(`STATUS ${name} (${values.join(' ')})`);
}

function statusValue(
  session: Session,
  mailbox: Mailbox,
  item: StatusItem,
): string | number | Promise<number> {
  switch (item) {
    case 'MESSAGES':
      return mailbox.messages;
    case 'RECENT':
      return countRecent(session, mailbox);
    case 'UIDNEXT':
      return mailbox.uidNext;
    case 'UIDVALIDITY':
      return mailbox.uidValidity;
    case 'UNSEEN':
      return mailbox.unseen;
    case 'SIZE':
      return mailbox.sizeBytes;
    case 'HIGHESTMODSEQ':
      // RFC 7162 section 3.1: asking for mod-sequences enables CONDSTORE.
      enableCondstore(session);
      return mailbox.highestModSeq;
    case 'MAILBOXID':
      return `(${mailbox.id})`;
    case 'APPENDLIMIT':
      return session.server.limits.messageOctetsMax;
    case 'DELETED':
      return sumOfDeleted(session, mailbox, () => 1);
    case 'DELETED-STORAGE':
      return sumOfDeleted(session, mailbox, (sizeBytes) => sizeBytes);
  }
}

async function countRecent({ server }: Session, mailbox: Mailbox): Promise<number> {
  const first = await server.recent.first(mailbox.id);
  if (first === undefined || first >= mailbox.uidNext) return 0;
  return (await server.store.entries(mailbox.id, { first, last: mailbox.uidNext })).length;
}

async function sumOfDeleted(
  session: Session,
  mailbox: Mailbox,
  weigh: (sizeBytes: number) => number,
): Promise<number> {
  let sum = 0;
  for (const entry of await session.server.store.entries(mailbox.id)) {
    if (entry.flags.includes('\\Deleted')) sum += weigh(entry.sizeBytes);
  }
  return sum;
}
