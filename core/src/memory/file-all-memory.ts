/** Several messages filed in one place, all or none (`MailboxStore.fileAll`), in memory. */
import { requireMailboxName } from '../mailbox/mailbox-name.js';
import { type ParsedMessage, parseStructure } from '../mime/parse-structure.js';
import type { Filed, Filing, MailboxStore, NewMessage } from '../services/mailbox-store.js';

/** What it takes from the store. Nothing in it waits, so that nothing comes in between. */
export interface FileAllParts {
  readonly account: (accountId: string) => { hasRoomFor(sizeBytes: number): boolean };
  readonly mailbox: (mailboxId: string) => { readonly accountId: string } | undefined;
  readonly file: (message: NewMessage, parsed: ParsedMessage, filing: Filing) => Filed;
}

/** The operation. All messages are parsed before the first is filed. */
export function fileAllMemory(parts: FileAllParts): NonNullable<MailboxStore['fileAll']> {
  return async (place, messages) => {
    if ('name' in place.mailbox) requireMailboxName(place.mailbox.name);
    const parsed = await Promise.all(
      messages.map(({ message }) => parseStructure(message.prefix, message.body)),
    );
    if ('id' in place.mailbox && parts.mailbox(place.mailbox.id)?.accountId !== place.accountId)
      return 'missing';
    const octets = messages.reduce(
      (sum, { message }) => sum + Buffer.byteLength(message.prefix) + message.body.sizeBytes,
      0,
    );
    if (!parts.account(place.accountId).hasRoomFor(octets)) return 'quota';
    return messages.map(({ message, flags }, at) => {
      const filed = parts.file(message, parsed[at] as ParsedMessage, { ...place, flags });
      if (filed.status !== 'filed') throw new Error('what has room was not filed');
      return filed;
    });
  };
}
