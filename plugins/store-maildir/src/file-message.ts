/** Filing: a message is written and synced once, then gets a name in each mailbox. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Filed,
  type Filing,
  MailError,
  type NewMessage,
  normaliseFlags,
  type ParsedMessage,
  requireMailboxName,
} from '@postroad/core';
import type { Account, OpenFolder } from './account.js';
import { removeFile } from './disk.js';
import type { NewFile } from './folder.js';
import { createMailbox } from './mailbox-changes.js';
import { fileFor, putFile } from './message-files.js';
import type { Batch } from './work-queue.js';

/** A message on disk that is in no mailbox yet. */
export interface WrittenMessage {
  readonly path: string;
  readonly sizeBytes: number;
  readonly internalDateMs: number;
  readonly parsed: ParsedMessage;
  /** The id it has in the first mailbox and then in all. */
  messageId: string | undefined;
}

/** Writes a message into the `tmp` of an account, durable but for its name. Nothing is left behind on failure. */
export async function writeMessage(
  account: Account,
  message: NewMessage,
  parsed: ParsedMessage,
): Promise<WrittenMessage> {
  const directory = join(account.path, 'tmp');
  const path = join(directory, account.newBase(''));
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  const handle = await open(path, flags, 0o600).catch((cause: unknown) => {
    throw new MailError('E_MAILBOX_STORE', 'a message could not be stored', { cause });
  });
  let sizeBytes = 0;
  try {
    const prefix = Buffer.from(message.prefix);
    if (message.body.inline !== undefined) {
      const whole = Buffer.concat([prefix, message.body.inline]);
      sizeBytes = whole.length;
      await handle.writeFile(whole);
    } else {
      await handle.writeFile(prefix);
      for await (const piece of message.body.open()) await handle.writeFile(piece);
      sizeBytes = prefix.length + message.body.sizeBytes;
    }
    const seconds = message.internalDateMs / 1000;
    await handle.utimes(seconds, seconds);
    if (account.owner !== undefined) await handle.chown(account.owner.uid, account.owner.gid);
    await handle.sync();
  } catch (cause) {
    await removeFile(path);
    throw new MailError('E_MAILBOX_STORE', 'a message could not be stored', { cause });
  } finally {
    await handle.close();
  }
  return { path, sizeBytes, internalDateMs: message.internalDateMs, parsed, messageId: undefined };
}

/** Files a written message in one place of an account. */
export async function fileWritten(
  account: Account,
  written: WrittenMessage,
  filing: Filing,
  batch: Batch,
): Promise<Filed> {
  const target = await folderFor(account, filing, () => hasRoom(account, written.sizeBytes), batch);
  if (typeof target === 'string') return { status: target };
  const [uid] = target.folder.append([await newFileOf(account, target, written, filing.flags, batch)]);
  const { id: mailboxId, header } = target.folder;
  return { status: 'filed', mailboxId, uidValidity: header.uidValidity, uid: uid as number };
}

/** The mailbox to file in, as it stands on disk; it is made when it is named, missing, and there is room. */
export async function folderFor(
  account: Account,
  place: Omit<Filing, 'flags'>,
  room: () => Promise<boolean>,
  batch: Batch,
): Promise<OpenFolder | 'missing' | 'quota'> {
  const known = await knownFolder(account, place);
  if (known === 'missing') return 'missing';
  if (!(await room())) return 'quota';
  const target = known ?? (await makeByName(account, place, batch));
  await account.look(target);
  return target;
}

/** Whether the account's quota allows so many octets more. */
export async function hasRoom(account: Account, sizeBytes: number): Promise<boolean> {
  const { limitBytes } = account.state;
  return limitBytes === null || (await account.usedBytes()) + sizeBytes <= limitBytes;
}

/** Gives a written message its name in a mailbox; the mailbox itself does not know it yet. */
export async function newFileOf(
  account: Account,
  target: OpenFolder,
  written: WrittenMessage,
  wanted: readonly string[],
  batch: Batch,
): Promise<NewFile> {
  const flags = normaliseFlags(wanted, account.spelling);
  await target.keywords.learn(flags);
  // Both sizes are the same: the octets stand in the file as they are sent (see file-name.ts).
  const base = account.newBase(`,S=${written.sizeBytes},W=${written.sizeBytes}`);
  const file = fileFor(target, base, flags);
  await putFile(target, written.path, file, account, batch);
  written.messageId ??= account.newMessageId();
  const { threadId, ownId } = account.threadOf(written.parsed);
  const { messageId, sizeBytes, internalDateMs } = written;
  const savedAtMs = account.environment.clock.now();
  return { file, ownId, entry: { flags, messageId, threadId, sizeBytes, internalDateMs, savedAtMs } };
}

async function knownFolder(
  account: Account,
  { mailbox }: Omit<Filing, 'flags'>,
): Promise<OpenFolder | undefined | 'missing'> {
  if ('name' in mailbox) return account.byName(requireMailboxName(mailbox.name));
  for (const open of account.folders.values()) if (open.folder.id === mailbox.id) return open;
  return 'missing';
}

async function makeByName(
  account: Account,
  { mailbox }: Omit<Filing, 'flags'>,
  batch: Batch,
): Promise<OpenFolder> {
  if (!('name' in mailbox)) throw new MailError('E_NOT_FOUND', 'there is no such mailbox');
  const name = requireMailboxName(mailbox.name);
  const open = await createMailbox(account, name, undefined, batch);
  await account.subscriptions.change((names) => void names.add(name));
  return open;
}
