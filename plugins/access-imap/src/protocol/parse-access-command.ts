/** Reading the commands of RFC 4314. */
import { type Cursor, SyntaxFault } from './cursor.js';
import type { AccessCommand, SetAccessCommand } from './extension-commands.js';
import { readMailboxName } from './mailbox-name.js';
import type { ParseOptions } from './parse-options.js';

const rightsPattern = /^[+-]?[a-z0-9]*$/;
const identifierLengthMax = 1_000;

/** `GETACL mailbox`, and `DELETEACL mailbox identifier`. */
export function readAccess(name: AccessCommand['name']) {
  const hasIdentifier = name === 'DELETEACL' || name === 'LISTRIGHTS';
  return (cursor: Cursor, { names }: ParseOptions): AccessCommand => {
    cursor.space();
    const mailbox = readMailboxName(cursor, names);
    return { name, mailbox, identifier: hasIdentifier ? readIdentifier(cursor) : '' };
  };
}

/** `SETACL mailbox identifier [+-]rights`. */
export function readSetAccess(cursor: Cursor, { names }: ParseOptions): SetAccessCommand {
  cursor.space();
  const mailbox = readMailboxName(cursor, names);
  const identifier = readIdentifier(cursor);
  cursor.space();
  const text = cursor.astring();
  if (!rightsPattern.test(text)) throw new SyntaxFault('not rights');
  const mode = text.startsWith('+') ? 'add' : text.startsWith('-') ? 'remove' : 'replace';
  return { name: 'SETACL', mailbox, identifier, mode, rights: text.replace(/^[+-]/, '') };
}

function readIdentifier(cursor: Cursor): string {
  cursor.space();
  const identifier = cursor.text();
  if (identifier === '' || identifier.length > identifierLengthMax)
    throw new SyntaxFault('not an identifier');
  return identifier;
}
