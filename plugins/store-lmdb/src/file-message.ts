/** Filing a message, as a part of a change. */
import {
  type Filed,
  type Filing,
  type NewMessage,
  normaliseFlags,
  type ParsedMessage,
  requireMailboxName,
  threadReferences,
} from '@postroad/core';
import { type Change, mailboxIdOf } from './change.js';
import { createMailbox, findName, openAccount } from './mailbox-changes.js';
import { addMessage, type PreparedBody, threadOf } from './message-changes.js';
import { type AccountRecord, formatId, type MailboxRecord, parseId } from './records.js';

/** Files a message in the change at hand; `undefined`, and the change given up, when the body's file is needed after all. */
export function fileMessage(
  change: Change,
  message: NewMessage,
  { envelope, structure, ...threads }: ParsedMessage,
  filings: readonly Filing[],
  body: PreparedBody,
): readonly Filed[] | undefined {
  const number = change.next('message');
  const prefix = Buffer.from(message.prefix);
  const stored = {
    messageId: formatId('M', number),
    sizeBytes: prefix.length + message.body.sizeBytes,
    headerSizeBytes: structure.bodyStart,
    envelope,
    structure,
  };
  const references = threadReferences({ envelope, ...threads });
  const filed = filings.map((filing): Filed => {
    const account = openAccount(change, filing.accountId);
    const mailbox = findTarget(change, filing, account, stored.sizeBytes);
    if (typeof mailbox === 'string') return { status: mailbox };
    const [uid] = change.append(mailbox, [
      {
        flags: normaliseFlags(filing.flags, change.keywords(account.number)),
        messageId: stored.messageId,
        threadId: threadOf(change, account.number, references),
        sizeBytes: stored.sizeBytes,
        internalDateMs: message.internalDateMs,
        savedAtMs: change.environment.nowMs(),
      },
    ]);
    return {
      status: 'filed',
      mailboxId: mailboxIdOf(mailbox),
      uidValidity: mailbox.uidValidity,
      uid: uid as number,
    };
  });
  const entries = filed.filter((one) => one.status === 'filed').length;
  if (entries === 0) return filed;
  return addMessage(change, number, { stored, prefix, body: body.key }, body, entries)
    ? filed
    : change.cancel();
}

function findTarget(
  change: Change,
  { accountId, mailbox }: Filing,
  account: AccountRecord,
  sizeBytes: number,
): MailboxRecord | 'missing' | 'quota' {
  const number =
    'id' in mailbox ? parseId('F', mailbox.id) : findName(change, account, requireMailboxName(mailbox.name));
  const known = number === undefined ? undefined : change.mailboxRecord(number);
  if ('id' in mailbox && (known === undefined || known.isRemoved || known.account !== account.number))
    return 'missing';
  if (!hasRoom(account, sizeBytes)) return 'quota';
  return (
    known ??
    createMailbox(change, accountId, (mailbox as { readonly name: string }).name, { isSubscribed: true })
  );
}

/** Whether so many octets more fit into the account. */
export function hasRoom(account: AccountRecord, sizeBytes: number): boolean {
  return account.limitBytes === null || account.usedBytes + sizeBytes <= account.limitBytes;
}
