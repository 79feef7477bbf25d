/**
 * Header fields: reading a header section (RFC 5322 section 2.2) and writing fields in front of one.
 * Reading never fails: what is not a field is skipped, as every mail reader does.
 */

/** One field. `value` is unfolded and trimmed; `start` and `end` are octet offsets in the section, CRLF included. */
export interface HeaderField {
  readonly name: string;
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

/** A parsed header section. */
export interface HeaderSection {
  readonly fields: readonly HeaderField[];
  /** The first field of that name, whatever its case. */
  get(name: string): string | undefined;
  /** All fields of that name, top to bottom. */
  all(name: string): readonly HeaderField[];
}

/** A field to write. `value` may hold CRLF plus blank as folding; anything else that could end the field is refused. */
export interface NewHeaderField {
  readonly name: string;
  readonly value: string;
}

/** Fields that go in front of a message's own header, first on top. Immutable: return a new list to change it. */
export type HeaderPrefix = readonly NewHeaderField[];

const colon = 0x3a;
const lf = 0x0a;
const cr = 0x0d;
const blank = 0x20;
const tab = 0x09;

/** Parses a header section. `bytes` may run on into the body: reading stops at the first empty line. */
export function parseHeader(bytes: Uint8Array): HeaderSection {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fields: HeaderField[] = [];
  let at = 0;
  while (at < buffer.length) {
    const end = fieldEnd(buffer, at);
    if (isEmptyLine(buffer, at)) break;
    const field = readField(buffer, at, end);
    if (field !== undefined) fields.push(field);
    at = end;
  }
  return sectionOf(fields);
}

/** Writes the fields with CRLF, ready to stand before a header section. */
export function renderHeaderPrefix(prefix: HeaderPrefix): string {
  let text = '';
  for (const field of prefix) text += `${field.name}: ${field.value}\r\n`;
  return text;
}

/** A field to write; throws when the name or value could break out of the field (RFC 5322 section 2.2). */
export function headerField(name: string, value: string): NewHeaderField {
  if (!/^[!-9;-~]+$/.test(name)) throw new RangeError(`not a header field name: ${JSON.stringify(name)}`);
  if (/\r\n[^ \t]|\r\n$|\r(?!\n)|(?<!\r)\n|\u0000/.test(value)) {
    throw new RangeError(`header field ${name} has a bare line break or NUL in its value`);
  }
  return { name, value };
}

function sectionOf(fields: readonly HeaderField[]): HeaderSection {
  return {
    fields,
    get(name) {
      const wanted = name.toLowerCase();
      return fields.find((field) => field.name.toLowerCase() === wanted)?.value;
    },
    all(name) {
      const wanted = name.toLowerCase();
      return fields.filter((field) => field.name.toLowerCase() === wanted);
    },
  };
}

function readField(buffer: Buffer, start: number, end: number): HeaderField | undefined {
  const split = buffer.indexOf(colon, start);
  if (split <= start || split >= end) return undefined;
  const name = buffer.toString('latin1', start, split).trimEnd();
  if (!/^[!-~]+$/.test(name)) return undefined;
  const value = buffer
    .toString('utf8', split + 1, end)
    .replace(/\r?\n/g, '')
    .trim();
  return { name, value, start, end };
}

function fieldEnd(buffer: Buffer, start: number): number {
  let at = start;
  for (;;) {
    const newline = buffer.indexOf(lf, at);
    if (newline < 0) return buffer.length;
    const next = buffer[newline + 1];
    if (next !== blank && next !== tab) return newline + 1;
    at = newline + 1;
  }
}

function isEmptyLine(buffer: Buffer, at: number): boolean {
  return buffer[at] === lf || (buffer[at] === cr && buffer[at + 1] === lf);
}
