/** One message in many places: written and synced once, then named in all of them. */
import { type Filed, type Filing, type NewMessage, parseStructure, requireMailboxName } from '@postroad/core';
import type { Accounts } from './accounts.js';
import { removeFile } from './disk.js';
import { fileWritten, writeMessage } from './file-message.js';

/** Most places at once. */
const placesAtOnce = 16;

/** See `MailboxStore.file`. Accounts go side by side; places of one account share its syncs. */
export async function fileEverywhere(
  accounts: Accounts,
  message: NewMessage,
  filings: readonly Filing[],
): Promise<readonly Filed[]> {
  for (const { mailbox } of filings) if ('name' in mailbox) requireMailboxName(mailbox.name);
  const [first] = filings;
  if (first === undefined) return [];
  const parsed = await parseStructure(message.prefix, message.body);
  const home = await accounts.get(first.accountId);
  await home.ready();
  const written = await writeMessage(home, message, parsed);
  const filed: Filed[] = [];
  try {
    for (let at = 0; at < filings.length; at += placesAtOnce) {
      const some = await Promise.allSettled(
        filings.slice(at, at + placesAtOnce).map(async (filing) => {
          const account = await accounts.get(filing.accountId);
          return account.run((batch) => fileWritten(account, written, filing, batch));
        }),
      );
      for (const one of some) {
        if (one.status === 'rejected') throw one.reason;
        filed.push(one.value);
      }
    }
  } finally {
    await removeFile(written.path);
  }
  return filed;
}
