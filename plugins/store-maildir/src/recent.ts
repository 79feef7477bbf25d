/**
 * `\Recent` (RFC 3501 section 2.3.2), which Maildirs have as a directory: what no program has seen yet stands in `new`.
 * What others move to `cur` they have claimed; what we claim moves there, so that they don't take it for new. A message
 * that we filed with flags stands in `cur` from the start and is recent all the same.
 */
import type { Account } from './account.js';
import { renameToFlags, withFile } from './message-files.js';
import type { Batch } from './work-queue.js';

/** See `MailboxStore.firstRecent`. A crash between the files and the index makes messages recent once more. */
export async function firstRecent(
  account: Account,
  mailboxId: string,
  claimUpTo: number,
  batch: Batch,
): Promise<number> {
  const open = await account.folder(mailboxId);
  const { folder } = open;
  const first = folder.firstRecent();
  for (const { uid } of folder.index.range(first, claimUpTo)) {
    if (folder.file(uid)?.place !== 'new') continue;
    await withFile(account, open, uid, async (path, file, { flags }) => {
      folder.moveFile(uid, await renameToFlags(open, path, file, flags, batch));
    });
  }
  folder.claimUpTo(claimUpTo);
  return first;
}
