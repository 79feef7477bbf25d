/** Reading commands about mailboxes. */
import type {
  CreateCommand,
  GetQuotaCommand,
  ListCommand,
  MailboxCommand,
  QresyncParameters,
  RenameCommand,
  SelectCommand,
  StatusCommand,
  StatusItem,
} from './command.js';
import { type Cursor, SyntaxFault } from './cursor.js';
import { patternLengthMax } from './list-pattern.js';
import { decodeMailboxName, readMailboxName } from './mailbox-name.js';
import { textOf } from './octets.js';
import { readEntries } from './parse-metadata-command.js';
import type { ParseOptions } from './parse-options.js';
import { readRanges } from './sequence-set.js';

const statusItems: ReadonlySet<string> = new Set<StatusItem>([
  'MESSAGES',
  'RECENT',
  'UIDNEXT',
  'UIDVALIDITY',
  'UNSEEN',
  'DELETED',
  'SIZE',
  'HIGHESTMODSEQ',
  'MAILBOXID',
  'APPENDLIMIT',
  'DELETED-STORAGE',
]);
const selectOptions = new Set(['SUBSCRIBED', 'REMOTE', 'RECURSIVEMATCH', 'SPECIAL-USE']);
const returnOptions = new Set(['SUBSCRIBED', 'CHILDREN', 'SPECIAL-USE']);
const useFlagPattern = /\\[A-Za-z]{1,32}/y;
/** Most patterns in one LIST, and most uses in one CREATE. */
const patternsMax = 100;
const usesMax = 20;

type SelectOption = ListCommand['select'] extends ReadonlySet<infer T> ? T : never;
type ReturnOption = ListCommand['returns'] extends ReadonlySet<infer T> ? T : never;

/** A mailbox name. */
export function readName(cursor: Cursor, options: ParseOptions): string {
  return readMailboxName(cursor, options.names);
}

/** A command whose one argument is a mailbox. */
export function readMailbox(name: MailboxCommand['name']) {
  return (cursor: Cursor, options: ParseOptions): MailboxCommand => {
    cursor.space();
    return { name, mailbox: readName(cursor, options) };
  };
}

/** `SELECT mailbox [(CONDSTORE)] [(QRESYNC (...))]`. */
export function readSelect(name: SelectCommand['name']) {
  return (cursor: Cursor, options: ParseOptions): SelectCommand => {
    cursor.space();
    const mailbox = readName(cursor, options);
    let isCondstore = false;
    let qresync: QresyncParameters | undefined;
    if (cursor.skip(' ')) {
      cursor.list(() => {
        const word = cursor.word();
        if (word === 'CONDSTORE') isCondstore = true;
        else if (word === 'QRESYNC') qresync = readQresync(cursor);
        else throw new SyntaxFault('unknown parameter');
      });
    }
    return qresync === undefined ? { name, mailbox, isCondstore } : { name, mailbox, isCondstore, qresync };
  };
}

/** RFC 7162 section 3.2.5: `(uidvalidity modseq [known-uids] [(sequence uids)])`. */
function readQresync(cursor: Cursor): QresyncParameters {
  cursor.space();
  cursor.expect('(');
  const uidValidity = cursor.nonZero();
  cursor.space();
  const modSeq = cursor.number64();
  let parameters: QresyncParameters = { uidValidity, modSeq };
  while (cursor.skip(' ')) {
    if (cursor.skip('(')) {
      const sequence = readRanges(cursor);
      cursor.space();
      parameters = { ...parameters, match: { sequence, uids: readRanges(cursor) } };
      cursor.expect(')');
      break;
    }
    parameters = { ...parameters, knownUids: readRanges(cursor) };
  }
  cursor.expect(')');
  return parameters;
}

/** `CREATE mailbox [(USE (\Sent ...))]`. */
export function readCreate(cursor: Cursor, options: ParseOptions): CreateCommand {
  cursor.space();
  const mailbox = readName(cursor, options);
  const specialUses: string[] = [];
  if (cursor.skip(' ')) {
    cursor.list(() => {
      if (cursor.word() !== 'USE') throw new SyntaxFault('unknown parameter');
      cursor.space();
      cursor.list(() => {
        const flag = cursor.tryMatch(useFlagPattern);
        if (flag === undefined || specialUses.length >= usesMax) throw new SyntaxFault('not a special use');
        specialUses.push(flag.slice(1));
      }, true);
    });
  }
  return { name: 'CREATE', mailbox, specialUses };
}

/** `RENAME from to`. */
export function readRename(cursor: Cursor, options: ParseOptions): RenameCommand {
  cursor.space();
  const from = readName(cursor, options);
  cursor.space();
  return { name: 'RENAME', from, to: readName(cursor, options) };
}

/** `STATUS mailbox (items)`. */
export function readStatus(cursor: Cursor, options: ParseOptions): StatusCommand {
  cursor.space();
  const mailbox = readName(cursor, options);
  cursor.space();
  return { name: 'STATUS', mailbox, items: readStatusItems(cursor) };
}

/** `GETQUOTA root`. */
export function readGetQuota(cursor: Cursor): GetQuotaCommand {
  cursor.space();
  return { name: 'GETQUOTA', root: cursor.text() };
}

/** `LIST [(selection)] reference pattern(s) [RETURN (...)]`. */
export function readList(name: ListCommand['name']) {
  return (cursor: Cursor, options: ParseOptions): ListCommand => {
    cursor.space();
    const select = new Set<SelectOption>();
    let isExtended = false;
    if (name === 'LIST' && cursor.peek() === '(') {
      isExtended = true;
      cursor.list(() => select.add(readOption(cursor, selectOptions) as SelectOption), true);
      cursor.space();
    }
    const reference = readPattern(cursor.astring(), options);
    cursor.space();
    const patterns = readPatterns(cursor, options);
    if (name === 'LIST' && patterns.isList) isExtended = true;
    const returns = new Set<ReturnOption>();
    const status: StatusItem[] = [];
    const metadata: string[] = [];
    if (name === 'LIST' && cursor.skip(' ')) {
      isExtended = true;
      readReturns(cursor, returns, status, metadata);
    }
    checkSelection(select);
    return { name, reference, patterns: patterns.patterns, isExtended, select, returns, status, metadata };
  };
}

function readReturns(
  cursor: Cursor,
  returns: Set<ReturnOption>,
  status: StatusItem[],
  metadata: string[],
): void {
  if (cursor.word() !== 'RETURN') throw new SyntaxFault('expected RETURN');
  cursor.space();
  cursor.list(() => {
    const option = cursor.word();
    if (option === 'STATUS') {
      cursor.space();
      status.push(...readStatusItems(cursor));
    } else if (option === 'METADATA') {
      cursor.space();
      metadata.push(...readEntries(cursor));
    } else if (returnOptions.has(option)) returns.add(option as ReturnOption);
    else throw new SyntaxFault('unknown return option');
  }, true);
}

/** RFC 5258 section 3: RECURSIVEMATCH says nothing by itself, nor with REMOTE alone. */
function checkSelection(select: ReadonlySet<SelectOption>): void {
  if (!select.has('RECURSIVEMATCH')) return;
  if (!select.has('SUBSCRIBED') && !select.has('SPECIAL-USE')) {
    throw new SyntaxFault('RECURSIVEMATCH needs another selection option');
  }
}

function readPatterns(cursor: Cursor, options: ParseOptions): { patterns: string[]; isList: boolean } {
  const patterns: string[] = [];
  const isList = cursor.peek() === '(';
  const read = () => {
    if (patterns.length >= patternsMax) throw new SyntaxFault('too many patterns');
    patterns.push(readPattern(cursor.listMailbox(), options));
  };
  if (isList) cursor.list(read);
  else read();
  return { patterns, isList };
}

/** A pattern as text. One that is no valid name can match nothing; that is what a control character does too. */
function readPattern(octets: string, options: ParseOptions): string {
  if (octets.length > patternLengthMax) throw new SyntaxFault('the pattern is too long');
  const text = options.names === 'utf-7' ? decodeMailboxName(octets) : textOf(octets);
  return text?.normalize('NFC') ?? '\u0000';
}

function readOption(cursor: Cursor, known: ReadonlySet<string>): string {
  const option = cursor.word();
  if (!known.has(option)) throw new SyntaxFault('unknown selection option');
  return option;
}

function readStatusItems(cursor: Cursor): StatusItem[] {
  const items: StatusItem[] = [];
  cursor.list(() => {
    const item = cursor.word();
    if (!statusItems.has(item)) throw new SyntaxFault('unknown status item');
    if (!items.includes(item as StatusItem)) items.push(item as StatusItem);
  });
  return items;
}
