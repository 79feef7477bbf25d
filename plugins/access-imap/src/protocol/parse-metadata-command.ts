/** Reading GETMETADATA and SETMETADATA (RFC 5464). */

import { type Cursor, SyntaxFault } from './cursor.js';
import type { GetMetadataCommand, MetadataDepth, SetMetadataCommand } from './extension-commands.js';
import { readMailboxName } from './mailbox-name.js';
import type { ParseOptions } from './parse-options.js';

/** Most entries in one command. */
const entriesMax = 200;
/** RFC 5464 section 3: levels of ASCII, none of them empty, without wildcards. */
const entryPattern = /^\/(?:shared|private)(?:\/[!-$&-)+-.0-~]+)+$/;

/** `GETMETADATA [(options)] mailbox entries`; the options may stand behind the mailbox, as some clients put them. */
export function readGetMetadata(cursor: Cursor, { names }: ParseOptions): GetMetadataCommand {
  cursor.space();
  const options: MetadataOptions = { depth: 0 };
  if (cursor.peek() === '(') {
    readOptions(cursor, options);
    cursor.space();
  }
  const mailbox = readPlace(cursor, names);
  cursor.space();
  if (cursor.startsWith('(MAXSIZE ') || cursor.startsWith('(DEPTH ')) {
    readOptions(cursor, options);
    cursor.space();
  }
  const command = {
    name: 'GETMETADATA' as const,
    mailbox,
    entries: readEntries(cursor),
    depth: options.depth,
  };
  const { valueOctetsMax } = options;
  return valueOctetsMax === undefined ? command : { ...command, valueOctetsMax };
}

/** `SETMETADATA mailbox (entry value ...)`. */
export function readSetMetadata(cursor: Cursor, { names }: ParseOptions): SetMetadataCommand {
  cursor.space();
  const mailbox = readPlace(cursor, names);
  cursor.space();
  const values = new Map<string, string | null>();
  cursor.list(() => {
    if (values.size >= entriesMax) throw new SyntaxFault('too many entries');
    const entry = readEntry(cursor);
    cursor.space();
    values.set(entry, cursor.nstringOctets());
  });
  return { name: 'SETMETADATA', mailbox, values };
}

/** One entry, or a list of them, in lower case. */
export function readEntries(cursor: Cursor): string[] {
  if (cursor.peek() !== '(') return [readEntry(cursor)];
  const entries: string[] = [];
  cursor.list(() => {
    if (entries.length >= entriesMax) throw new SyntaxFault('too many entries');
    entries.push(readEntry(cursor));
  });
  return entries;
}

interface MetadataOptions {
  depth: MetadataDepth;
  valueOctetsMax?: number;
}

function readOptions(cursor: Cursor, options: MetadataOptions): void {
  cursor.list(() => {
    const word = cursor.word();
    cursor.space();
    if (word === 'MAXSIZE') options.valueOctetsMax = cursor.number();
    else if (word === 'DEPTH') options.depth = depthOf(cursor.word());
    else throw new SyntaxFault('unknown option');
  });
}

function depthOf(word: string): MetadataDepth {
  if (word === '0') return 0;
  if (word === '1') return 1;
  if (word === 'INFINITY') return 'infinity';
  throw new SyntaxFault('unknown depth');
}

/** The empty name is the server. */
function readPlace(cursor: Cursor, names: ParseOptions['names']): string {
  if (!cursor.startsWith('""')) return readMailboxName(cursor, names);
  cursor.string();
  return '';
}

function readEntry(cursor: Cursor): string {
  const entry = cursor.astring().toLowerCase();
  if (!entryPattern.test(entry)) throw new SyntaxFault('not the name of an entry');
  return entry;
}
