/**
 * Importing an account from another IMAP server. Nothing is written down of how far it got: a message of the same size,
 * date and Message-ID is there already, so that an import that was cut off goes on where it stood when it is run again.
 */
import { type MailboxStore, normaliseMailboxName, type Spool } from '@postroad/core';
import type { Engine } from '../engine.js';
import type { ImapAccount, ListedMessage } from './imap-account.js';
import { type ImportResult, importMessages } from './import-messages.js';

/** What is imported where. */
export interface ImapImport {
  readonly accountId: string;
  /** The only mailbox to import, by its name there; all when it is left out. */
  readonly only?: string;
  readonly onProgress?: (mailbox: string, done: number, all: number) => void;
}

/** What was done with one mailbox. */
export interface ImportedMailbox extends ImportResult {
  readonly mailbox: string;
}

/** Imports the mailboxes one after another; stops at the first failure and throws it. */
export async function* importImap(
  engine: Engine,
  store: MailboxStore,
  account: ImapAccount,
  spool: Spool,
  options: ImapImport,
): AsyncGenerator<ImportedMailbox> {
  for (const { path, name } of await account.mailboxes()) {
    if (options.only !== undefined && path !== options.only && name !== options.only) continue;
    const mailboxName = normaliseMailboxName(name);
    // A name that can't be here, such as one with an empty level.
    if (mailboxName === undefined) continue;
    const listed = await account.list(path);
    const missing = await missingMessages(store, options.accountId, mailboxName, listed);
    const known = listed.length - missing.length;
    const result = await importMessages(engine, store, account.read(missing, spool), {
      accountId: options.accountId,
      mailboxName,
      onProgress: (done) => options.onProgress?.(mailboxName, known + done, listed.length),
    });
    if (listed.length === 0) await ensureMailbox(store, options.accountId, mailboxName);
    yield { mailbox: mailboxName, imported: result.imported, known: known + result.known };
  }
}

/** Those of the listed messages that the mailbox does not hold. */
async function missingMessages(
  store: MailboxStore,
  accountId: string,
  mailboxName: string,
  listed: readonly ListedMessage[],
): Promise<readonly ListedMessage[]> {
  const held = new Map<string, number>();
  const mailbox = await store.mailboxByName(accountId, mailboxName);
  const entries = mailbox === undefined ? [] : await store.entries(mailbox.id);
  const messages = await store.messages(entries.map((entry) => entry.messageId));
  entries.forEach(({ sizeBytes, internalDateMs }, at) => {
    const key = keyOf(sizeBytes, internalDateMs, messages[at]?.envelope.messageId ?? '');
    held.set(key, (held.get(key) ?? 0) + 1);
  });
  return listed.filter(({ sizeBytes, internalDateMs, messageId }) => {
    const key = keyOf(sizeBytes, internalDateMs, messageId);
    const count = held.get(key) ?? 0;
    if (count > 0) held.set(key, count - 1);
    return count === 0;
  });
}

function keyOf(sizeBytes: number, internalDateMs: number, messageId: string): string {
  return `${sizeBytes} ${Math.floor(internalDateMs / 1000)} ${messageId.trim()}`;
}

async function ensureMailbox(store: MailboxStore, accountId: string, name: string): Promise<void> {
  const known = await store.mailboxByName(accountId, name);
  if (known === undefined) await store.createMailbox(accountId, name);
}
