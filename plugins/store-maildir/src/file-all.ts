/** Several messages in one place (RFC 3502: all or none): written beside each other, then named, with one commit for all. */
import { join } from 'node:path';
import { type Filed, type MailboxStore, parseStructure, requireMailboxName } from '@postroad/core';
import type { Account } from './account.js';
import { removeFile } from './disk.js';
import { folderFor, hasRoom, newFileOf, type WrittenMessage, writeMessage } from './file-message.js';
import type { NewFile } from './folder.js';
import type { Batch } from './work-queue.js';

type FileAll = NonNullable<MailboxStore['fileAll']>;
type Given = Parameters<FileAll>[1];
type FiledOne = Extract<Filed, { status: 'filed' }>;

/** Most messages written at once. */
const writtenAtOnce = 16;

/**
 * See `MailboxStore.fileAll`. Other programs, and we ourselves after a crash, may see some of the files before all of them
 * are there: a Maildir has no commit for more than one name.
 */
export async function fileAll(
  account: Account,
  place: Parameters<FileAll>[0],
  messages: Given,
): Promise<readonly FiledOne[] | 'quota' | 'missing'> {
  if ('name' in place.mailbox) requireMailboxName(place.mailbox.name);
  await account.ready();
  const written: WrittenMessage[] = [];
  try {
    for (let at = 0; at < messages.length; at += writtenAtOnce) {
      const some = await Promise.allSettled(
        messages.slice(at, at + writtenAtOnce).map(async ({ message }) => {
          const parsed = await parseStructure(message.prefix, message.body);
          return writeMessage(account, message, parsed);
        }),
      );
      for (const one of some) if (one.status === 'fulfilled') written.push(one.value);
      for (const one of some) if (one.status === 'rejected') throw one.reason;
    }
    return await account.run((batch) => fileWrittenAll(account, place, written, messages, batch));
  } finally {
    for (const { path } of written) await removeFile(path);
  }
}

async function fileWrittenAll(
  account: Account,
  place: Parameters<FileAll>[0],
  written: readonly WrittenMessage[],
  messages: Given,
  batch: Batch,
): Promise<readonly FiledOne[] | 'quota' | 'missing'> {
  const sizeBytes = written.reduce((sum, one) => sum + one.sizeBytes, 0);
  const target = await folderFor(account, place, () => hasRoom(account, sizeBytes), batch);
  if (typeof target === 'string') return target;
  const files: NewFile[] = [];
  try {
    for (const [at, one] of written.entries()) {
      files.push(await newFileOf(account, target, one, messages[at]?.flags ?? [], batch));
    }
  } catch (error) {
    for (const { file } of files) await removeFile(join(target.folder.path, file.place, file.name));
    throw error;
  }
  const { id: mailboxId, header } = target.folder;
  const uids = target.folder.append(files);
  return uids.map((uid) => ({ status: 'filed', mailboxId, uidValidity: header.uidValidity, uid }));
}
