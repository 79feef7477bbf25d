/** What FETCH can ask for (RFC 9051 section 6.4.5 and its extensions), as data, and how it is read. */
import { type Cursor, SyntaxFault } from './cursor.js';
import { octetsOf } from './octets.js';

/** A part of a message's octets (RFC 9051 section 6.4.5.1). `path` is empty for the message itself. */
export interface Section {
  readonly path: readonly number[];
  readonly text: 'all' | 'header' | 'text' | 'mime' | 'fields' | 'fields-not';
  /** Names of header fields as the client wrote them; empty unless `text` is `fields` or `fields-not`. */
  readonly fields: readonly string[];
}

/** `<start.length>`: at most `length` octets from `start`. */
export interface Partial {
  readonly start: number;
  readonly length: number;
}

/** One thing to tell about each message. */
export type FetchItem =
  | {
      readonly item:
        | 'flags'
        | 'uid'
        | 'internal-date'
        | 'size'
        | 'envelope'
        | 'body'
        | 'body-structure'
        | 'mod-seq'
        | 'email-id'
        | 'thread-id'
        | 'save-date';
    }
  | { readonly item: 'preview'; readonly isLazy: boolean }
  /** `label` is what the response calls it, such as `BODY[TEXT]` or `RFC822`, as octets. */
  | {
      readonly item: 'section';
      readonly section: Section;
      readonly partial?: Partial;
      readonly isPeek: boolean;
      readonly label: string;
    }
  /** BINARY (RFC 3516): the section decoded. */
  | {
      readonly item: 'binary';
      readonly path: readonly number[];
      readonly partial?: Partial;
      readonly isPeek: boolean;
      readonly label: string;
    }
  | { readonly item: 'binary-size'; readonly path: readonly number[]; readonly label: string };

const plain: Readonly<Record<string, FetchItem>> = {
  FLAGS: { item: 'flags' },
  UID: { item: 'uid' },
  INTERNALDATE: { item: 'internal-date' },
  'RFC822.SIZE': { item: 'size' },
  ENVELOPE: { item: 'envelope' },
  BODYSTRUCTURE: { item: 'body-structure' },
  MODSEQ: { item: 'mod-seq' },
  EMAILID: { item: 'email-id' },
  THREADID: { item: 'thread-id' },
  SAVEDATE: { item: 'save-date' },
  RFC822: sectionItem('all', false, 'RFC822'),
  'RFC822.HEADER': sectionItem('header', true, 'RFC822.HEADER'),
  'RFC822.TEXT': sectionItem('text', false, 'RFC822.TEXT'),
};
const fast = ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE'];
const all = [...fast, 'ENVELOPE'];
const itemPattern = /[A-Za-z0-9.]+/y;
const pathPattern = /\d+(?:\.\d+)*/y;
const textPattern = /(?:HEADER\.FIELDS\.NOT|HEADER\.FIELDS|HEADER|TEXT|MIME)(?=[\] ])/iy;
const partialPattern = /<(\d{1,10})\.(\d{1,10})>/y;
const fieldNamePattern = /^[!-9;-~]+$/;

/** Most items, levels of a path and field names in one command. */
const itemsMax = 200;
const pathLengthMax = 100;
const fieldsMax = 500;

/** Reads a macro, an item, or a list of items. */
export function readFetchItems(cursor: Cursor): readonly FetchItem[] {
  const items: FetchItem[] = [];
  if (cursor.peek() === '(') {
    cursor.list(() => {
      if (items.push(readItem(cursor)) > itemsMax) throw new SyntaxFault('too many items');
    });
    return items;
  }
  if (cursor.startsWith('ALL')) return readMacro(cursor, all, false);
  if (cursor.startsWith('FAST')) return readMacro(cursor, fast, false);
  if (cursor.startsWith('FULL')) return readMacro(cursor, all, true);
  return [readItem(cursor)];
}

function readMacro(cursor: Cursor, names: readonly string[], hasBody: boolean): readonly FetchItem[] {
  cursor.atom();
  const items = names.map((name) => plain[name] as FetchItem);
  return hasBody ? [...items, { item: 'body' }] : items;
}

function readItem(cursor: Cursor): FetchItem {
  const name = (cursor.tryMatch(itemPattern) ?? '').toUpperCase();
  if (cursor.peek() === '[') return readSectionItem(cursor, name);
  if (name === 'BODY') return { item: 'body' };
  if (name === 'PREVIEW') return readPreview(cursor);
  const item = plain[name];
  if (item === undefined) throw new SyntaxFault('unknown fetch item');
  return item;
}

/** RFC 8970 section 3.1: `PREVIEW (LAZY)` asks only for what needs no work. */
function readPreview(cursor: Cursor): FetchItem {
  if (!cursor.startsWith(' (')) return { item: 'preview', isLazy: false };
  cursor.space();
  cursor.list(() => {
    if (cursor.word() !== 'LAZY') throw new SyntaxFault('unknown modifier of PREVIEW');
  });
  return { item: 'preview', isLazy: true };
}

function readSectionItem(cursor: Cursor, name: string): FetchItem {
  if (name === 'BODY' || name === 'BODY.PEEK') {
    const section = readSection(cursor);
    const partial = readPartial(cursor);
    const label = `BODY[${formatSection(section)}]${partial === undefined ? '' : `<${partial.start}>`}`;
    const isPeek = name === 'BODY.PEEK';
    return partial === undefined
      ? { item: 'section', section, isPeek, label }
      : { item: 'section', section, partial, isPeek, label };
  }
  cursor.expect('[');
  const path = readPath(cursor);
  cursor.expect(']');
  const text = path.join('.');
  if (name === 'BINARY.SIZE') return { item: 'binary-size', path, label: `BINARY.SIZE[${text}]` };
  if (name !== 'BINARY' && name !== 'BINARY.PEEK') throw new SyntaxFault('unknown fetch item');
  const partial = readPartial(cursor);
  const label = `BINARY[${text}]${partial === undefined ? '' : `<${partial.start}>`}`;
  const isPeek = name === 'BINARY.PEEK';
  return partial === undefined
    ? { item: 'binary', path, isPeek, label }
    : { item: 'binary', path, partial, isPeek, label };
}

/** Reads `[section]`. */
export function readSection(cursor: Cursor): Section {
  cursor.expect('[');
  const path = readPath(cursor);
  if (path.length > 0 && !cursor.skip('.')) {
    cursor.expect(']');
    return { path, text: 'all', fields: [] };
  }
  const word = cursor.tryMatch(textPattern)?.toUpperCase();
  if (word === undefined && path.length > 0) throw new SyntaxFault('the section is not valid');
  const section = readSectionText(cursor, path, word);
  cursor.expect(']');
  return section;
}

function readSectionText(cursor: Cursor, path: readonly number[], word: string | undefined): Section {
  switch (word) {
    case undefined:
      return { path, text: 'all', fields: [] };
    case 'HEADER':
      return { path, text: 'header', fields: [] };
    case 'TEXT':
      return { path, text: 'text', fields: [] };
    case 'MIME':
      // RFC 9051 section 6.4.5.1: MIME must have a part number before it.
      if (path.length === 0) throw new SyntaxFault('MIME needs a part number');
      return { path, text: 'mime', fields: [] };
    default: {
      const fields: string[] = [];
      cursor.space();
      cursor.list(() => {
        if (fields.push(readFieldName(cursor)) > fieldsMax) throw new SyntaxFault('too many header fields');
      });
      return { path, text: word === 'HEADER.FIELDS' ? 'fields' : 'fields-not', fields };
    }
  }
}

function readFieldName(cursor: Cursor): string {
  const name = cursor.astring();
  if (!fieldNamePattern.test(name)) throw new SyntaxFault('not the name of a header field');
  return name;
}

function readPath(cursor: Cursor): readonly number[] {
  const text = cursor.tryMatch(pathPattern);
  if (text === undefined) return [];
  const path = text.split('.').map(Number);
  if (path.length > pathLengthMax || path.some((part) => part < 1 || part > 0xffff_ffff)) {
    throw new SyntaxFault('the part number is not valid');
  }
  return path;
}

function readPartial(cursor: Cursor): Partial | undefined {
  const text = cursor.tryMatch(partialPattern);
  if (text === undefined) return undefined;
  const [start, length] = text.slice(1, -1).split('.').map(Number) as [number, number];
  if (length < 1 || length > 0xffff_ffff || start > 0xffff_ffff) {
    throw new SyntaxFault('the part of the section is not valid');
  }
  return { start, length };
}

/** A section as it stands between the brackets, in octets. */
export function formatSection(section: Section): string {
  const names = {
    all: '',
    header: 'HEADER',
    text: 'TEXT',
    mime: 'MIME',
    fields: 'HEADER.FIELDS',
    'fields-not': 'HEADER.FIELDS.NOT',
  };
  const words = names[section.text];
  const path = section.path.join('.');
  const dot = path !== '' && words !== '' ? '.' : '';
  const fields = section.fields.map((field) => (/[\s(){%*"\\\]]/.test(field) ? quoteName(field) : field));
  return octetsOf(`${path}${dot}${words}${fields.length === 0 ? '' : ` (${fields.join(' ')})`}`);
}

function quoteName(name: string): string {
  return `"${name.replace(/["\\]/g, '\\$&')}"`;
}

function sectionItem(text: Section['text'], isPeek: boolean, label: string): FetchItem {
  return { item: 'section', section: { path: [], text, fields: [] }, isPeek, label };
}
