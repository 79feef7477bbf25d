/** Reading commands about messages. */
import type {
  AppendCommand,
  AppendMessage,
  AppendPart,
  CopyCommand,
  ExpungeCommand,
  FetchCommand,
  ReplaceCommand,
  StoreCommand,
} from './command.js';
import { type Cursor, SyntaxFault } from './cursor.js';
import { readDateTime } from './dates.js';
import { readFetchItems } from './fetch-items.js';
import { readName } from './parse-mailbox-command.js';
import type { ParseOptions } from './parse-options.js';
import { readPartialRange } from './parse-search-command.js';
import { readMessageSet } from './sequence-set.js';

const systemFlags = ['\\Answered', '\\Deleted', '\\Draft', '\\Flagged', '\\Seen'];
/** Most flags in one command, messages in one APPEND and parts in one CATENATE. */
const flagsMax = 100;
const messagesMax = 1000;
const partsMax = 100;
const storePattern = /([+-]?)FLAGS(\.SILENT)?(?= )/iy;

/** `FETCH set items [(CHANGEDSINCE n VANISHED PARTIAL a:b)]`. */
export function readFetch(cursor: Cursor, _: ParseOptions, isUid: boolean): FetchCommand {
  cursor.space();
  const set = readMessageSet(cursor);
  cursor.space();
  const items = readFetchItems(cursor);
  let command: FetchCommand = { name: 'FETCH', isUid, set, items, isVanished: false };
  if (cursor.skip(' ')) {
    cursor.list(() => {
      const word = cursor.word();
      if (word === 'VANISHED') command = { ...command, isVanished: true };
      else if (word === 'CHANGEDSINCE') {
        cursor.space();
        command = { ...command, changedSince: cursor.number64() };
      } else if (word === 'PARTIAL') {
        cursor.space();
        command = { ...command, partial: readPartialRange(cursor) };
      } else throw new SyntaxFault('unknown fetch modifier');
    });
  }
  // RFC 7162 section 3.2.6: VANISHED goes with UID FETCH and CHANGEDSINCE only.
  if (command.isVanished && (!isUid || command.changedSince === undefined)) {
    throw new SyntaxFault('VANISHED needs UID FETCH with CHANGEDSINCE');
  }
  if (command.partial !== undefined && !isUid) throw new SyntaxFault('PARTIAL needs UID FETCH');
  return command;
}

/** `STORE set [(UNCHANGEDSINCE n)] [+-]FLAGS[.SILENT] flags`. */
export function readStore(cursor: Cursor, _: ParseOptions, isUid: boolean): StoreCommand {
  cursor.space();
  const set = readMessageSet(cursor);
  cursor.space();
  let unchangedSince: number | undefined;
  if (cursor.peek() === '(') {
    cursor.list(() => {
      if (cursor.word() !== 'UNCHANGEDSINCE') throw new SyntaxFault('unknown store modifier');
      cursor.space();
      unchangedSince = cursor.number64();
    });
    cursor.space();
  }
  const item = cursor.tryMatch(storePattern)?.toUpperCase();
  if (item === undefined) throw new SyntaxFault('expected FLAGS');
  cursor.space();
  const flags = cursor.peek() === '(' ? readFlagList(cursor) : readFlags(cursor);
  const mode = item.startsWith('+') ? 'add' : item.startsWith('-') ? 'remove' : 'replace';
  const command = {
    name: 'STORE' as const,
    isUid,
    set,
    mode,
    flags,
    isSilent: item.endsWith('.SILENT'),
  } as const;
  return unchangedSince === undefined ? command : { ...command, unchangedSince };
}

/** `COPY set mailbox`, `MOVE set mailbox`. */
export function readCopy(name: CopyCommand['name']) {
  return (cursor: Cursor, options: ParseOptions, isUid: boolean): CopyCommand => {
    cursor.space();
    const set = readMessageSet(cursor);
    cursor.space();
    return { name, isUid, set, mailbox: readName(cursor, options) };
  };
}

/** `EXPUNGE`, `UID EXPUNGE set`. */
export function readExpunge(cursor: Cursor, _: ParseOptions, isUid: boolean): ExpungeCommand {
  if (!isUid) return { name: 'EXPUNGE' };
  cursor.space();
  return { name: 'EXPUNGE', set: readMessageSet(cursor) };
}

/** `APPEND mailbox message ...`. */
export function readAppend(cursor: Cursor, options: ParseOptions): AppendCommand {
  cursor.space();
  const mailbox = readName(cursor, options);
  const messages: AppendMessage[] = [];
  do {
    cursor.space();
    if (messages.length >= messagesMax) throw new SyntaxFault('too many messages', 'NO', 'LIMIT');
    messages.push(readAppendMessage(cursor));
  } while (!cursor.isAtEnd());
  return { name: 'APPEND', mailbox, messages };
}

/** `REPLACE number mailbox message` (RFC 8508). */
export function readReplace(cursor: Cursor, options: ParseOptions, isUid: boolean): ReplaceCommand {
  cursor.space();
  const number = readMessageNumber(cursor);
  cursor.space();
  const mailbox = readName(cursor, options);
  cursor.space();
  return { name: 'REPLACE', isUid, message: number, mailbox, content: readAppendMessage(cursor) };
}

/** A sequence number or UID; `*` is `Infinity`. */
export function readMessageNumber(cursor: Cursor): number {
  return cursor.skip('*') ? Number.POSITIVE_INFINITY : cursor.nonZero();
}

function readAppendMessage(cursor: Cursor): AppendMessage {
  const flags = cursor.peek() === '(' ? readFlagList(cursor) : [];
  if (flags.length > 0 || cursor.peek() === ' ') cursor.skip(' ');
  let internalDateMs: number | undefined;
  if (cursor.peek() === '"') {
    internalDateMs = readDateTime(cursor);
    cursor.space();
  }
  const parts = readParts(cursor);
  return internalDateMs === undefined ? { flags, parts } : { flags, internalDateMs, parts };
}

function readParts(cursor: Cursor): AppendPart[] {
  if (cursor.peek() === '{') {
    cursor.streamedLiteral();
    return [{ part: 'literal' }];
  }
  const word = cursor.word();
  cursor.space();
  const parts: AppendPart[] = [];
  if (word === 'UTF8') {
    // RFC 6855 section 4: a message with header fields in UTF-8.
    cursor.expect('(');
    cursor.streamedLiteral();
    cursor.expect(')');
    return [{ part: 'literal' }];
  }
  if (word !== 'CATENATE') throw new SyntaxFault('expected a message');
  cursor.list(() => {
    if (parts.length >= partsMax) throw new SyntaxFault('too many parts', 'NO', 'LIMIT');
    const kind = cursor.word();
    cursor.space();
    if (kind === 'URL') parts.push({ part: 'url', url: cursor.astring() });
    else if (kind === 'TEXT') {
      cursor.streamedLiteral();
      parts.push({ part: 'literal' });
    } else throw new SyntaxFault('expected TEXT or URL');
  });
  return parts;
}

function readFlagList(cursor: Cursor): string[] {
  const flags: string[] = [];
  cursor.list(() => addFlag(flags, cursor), true);
  return flags;
}

function readFlags(cursor: Cursor): string[] {
  const flags: string[] = [];
  do addFlag(flags, cursor);
  while (cursor.skip(' '));
  return flags;
}

function addFlag(flags: string[], cursor: Cursor): void {
  const flag = cursor.flag();
  if (flags.length >= flagsMax) throw new SyntaxFault('too many flags', 'NO', 'LIMIT');
  if (!flag.startsWith('\\')) {
    if (!flags.some((other) => other.toLowerCase() === flag.toLowerCase())) flags.push(flag);
    return;
  }
  // RFC 9051 section 2.3.2: the system flags are these; \Recent can't be changed.
  const system = systemFlags.find((known) => known.toLowerCase() === flag.toLowerCase());
  if (system === undefined) throw new SyntaxFault('unknown system flag');
  if (!flags.includes(system)) flags.push(system);
}
