/** From the octets of one command to a `Command`; never throws for what a client sends. */
import type { Command, CommandName } from './command.js';
import { Cursor, SyntaxFault } from './cursor.js';
import * as access from './parse-access-command.js';
import * as mailbox from './parse-mailbox-command.js';
import * as message from './parse-message-command.js';
import * as metadata from './parse-metadata-command.js';
import * as notify from './parse-notify-command.js';
import type { ParseOptions } from './parse-options.js';
import * as search from './parse-search-command.js';
import * as session from './parse-session-command.js';
import type { RawCommand } from './reader-events.js';

/** A command, or why it is none. `tag` is `*` when none could be read. */
export type ParsedCommand =
  | { readonly status: 'command'; readonly tag: string; readonly command: Command }
  | { readonly status: 'NO' | 'BAD'; readonly tag: string; readonly code?: string; readonly text: string };

type Reader = (cursor: Cursor, options: ParseOptions, isUid: boolean) => Command;

const readers: Readonly<Record<CommandName, Reader>> = {
  CAPABILITY: session.plain('CAPABILITY'),
  NOOP: session.plain('NOOP'),
  LOGOUT: session.plain('LOGOUT'),
  STARTTLS: session.plain('STARTTLS'),
  IDLE: session.plain('IDLE'),
  CHECK: session.plain('CHECK'),
  CLOSE: session.plain('CLOSE'),
  UNSELECT: session.plain('UNSELECT'),
  NAMESPACE: session.plain('NAMESPACE'),
  UNAUTHENTICATE: session.plain('UNAUTHENTICATE'),
  ID: session.readId,
  ENABLE: session.readEnable,
  LOGIN: session.readLogin,
  AUTHENTICATE: session.readAuthenticate,
  COMPRESS: session.readCompress,
  SELECT: mailbox.readSelect('SELECT'),
  EXAMINE: mailbox.readSelect('EXAMINE'),
  DELETE: mailbox.readMailbox('DELETE'),
  SUBSCRIBE: mailbox.readMailbox('SUBSCRIBE'),
  UNSUBSCRIBE: mailbox.readMailbox('UNSUBSCRIBE'),
  GETQUOTAROOT: mailbox.readMailbox('GETQUOTAROOT'),
  GETQUOTA: mailbox.readGetQuota,
  GETACL: access.readAccess('GETACL'),
  MYRIGHTS: access.readAccess('MYRIGHTS'),
  DELETEACL: access.readAccess('DELETEACL'),
  LISTRIGHTS: access.readAccess('LISTRIGHTS'),
  SETACL: access.readSetAccess,
  NOTIFY: notify.readNotify,
  GETMETADATA: metadata.readGetMetadata,
  SETMETADATA: metadata.readSetMetadata,
  CREATE: mailbox.readCreate,
  RENAME: mailbox.readRename,
  STATUS: mailbox.readStatus,
  LIST: mailbox.readList('LIST'),
  LSUB: mailbox.readList('LSUB'),
  APPEND: message.readAppend,
  REPLACE: message.readReplace,
  FETCH: message.readFetch,
  STORE: message.readStore,
  COPY: message.readCopy('COPY'),
  MOVE: message.readCopy('MOVE'),
  EXPUNGE: message.readExpunge,
  SEARCH: search.readSearch,
  ESEARCH: search.readMultiSearch,
  CANCELUPDATE: search.readCancelUpdate,
  SORT: search.readSort,
  THREAD: search.readThread,
};
const uidCommands = new Set([
  'FETCH',
  'STORE',
  'COPY',
  'MOVE',
  'EXPUNGE',
  'SEARCH',
  'SORT',
  'THREAD',
  'REPLACE',
]);

/** Parses a command. */
export function parseCommand(raw: RawCommand, options: ParseOptions): ParsedCommand {
  const cursor = new Cursor(raw);
  let tag = '*';
  try {
    tag = cursor.tag();
    cursor.space();
    const name = readName(cursor);
    if (name === undefined) return { status: 'BAD', tag, text: 'unknown command' };
    const command = readers[name.name](cursor, options, name.isUid);
    cursor.end();
    return { status: 'command', tag, command };
  } catch (error) {
    if (!(error instanceof SyntaxFault)) throw error;
    const { status, message: text, code } = error;
    return code === undefined ? { status, tag, text } : { status, tag, code, text };
  }
}

/** What a literal of a command that is not whole yet is for. */
export type LiteralPurpose =
  | { readonly purpose: 'argument' }
  /** A message of APPEND or REPLACE, or TEXT of CATENATE: to be streamed. */
  | { readonly purpose: 'message'; readonly mailbox: string };

/** Tells a message from other literals, so that only messages are streamed; bad names come out when all is parsed. */
export function literalPurpose(raw: RawCommand, options: ParseOptions): LiteralPurpose {
  const cursor = new Cursor(raw);
  const last = raw.texts.at(-1) ?? '';
  // The URL of CATENATE (RFC 4469) may be a literal too.
  if (/\bURL $/i.test(last)) return { purpose: 'argument' };
  try {
    cursor.tag();
    cursor.space();
    const name = readName(cursor)?.name;
    if (name !== 'APPEND' && name !== 'REPLACE') return { purpose: 'argument' };
    cursor.space();
    if (name === 'REPLACE') {
      message.readMessageNumber(cursor);
      cursor.space();
    }
    return { purpose: 'message', mailbox: mailbox.readName(cursor, options) };
  } catch (error) {
    if (!(error instanceof SyntaxFault)) throw error;
    return { purpose: 'argument' };
  }
}

function readName(cursor: Cursor): { name: CommandName; isUid: boolean } | undefined {
  const word = cursor.word();
  if (word !== 'UID') return isCommandName(word) ? { name: word, isUid: false } : undefined;
  cursor.space();
  const name = cursor.word();
  return isCommandName(name) && uidCommands.has(name) ? { name, isUid: true } : undefined;
}

function isCommandName(word: string): word is CommandName {
  return Object.hasOwn(readers, word);
}
