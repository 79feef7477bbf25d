/** Changing a header section field by field; every octet of the other fields stays as it was. */
import { headerField, type NewHeaderField, parseHeader } from './header.js';

/** One change. Occurrences of a name count from 1, from the top, and ignore case. */
export type HeaderEdit =
  /** In front of the field that stands at `index` now; 0 is the top, a number past the last is the bottom. */
  | { readonly kind: 'insert'; readonly index: number; readonly field: NewHeaderField }
  | { readonly kind: 'append'; readonly field: NewHeaderField }
  /** Does nothing when there is no such occurrence. */
  | { readonly kind: 'replace'; readonly occurrence: number; readonly field: NewHeaderField }
  /** Without `occurrence` all fields of that name. */
  | { readonly kind: 'remove'; readonly name: string; readonly occurrence?: number };

const lineEnd = Buffer.from('\r\n');

interface Piece {
  readonly name: string;
  readonly octets: Uint8Array;
}

/**
 * The section with the edits made one after another, and its empty line. Lines that are no field stay with the field
 * before them. Throws `RangeError` for a field that could break out of its line.
 */
export function editHeader(headerBytes: Uint8Array, edits: readonly HeaderEdit[]): Uint8Array {
  const pieces = split(headerBytes);
  for (const edit of edits) apply(pieces, edit);
  const octets = pieces.flatMap((piece) => (endsLine(piece.octets) ? piece.octets : [piece.octets, lineEnd]));
  return Buffer.concat([...octets, lineEnd]);
}

function apply(pieces: Piece[], edit: HeaderEdit): void {
  switch (edit.kind) {
    case 'insert':
      pieces.splice(Math.max(0, edit.index), 0, pieceOf(edit.field));
      return;
    case 'append':
      pieces.push(pieceOf(edit.field));
      return;
    case 'replace': {
      const at = find(pieces, edit.field.name, edit.occurrence);
      if (at >= 0) pieces[at] = pieceOf(edit.field);
      return;
    }
    case 'remove':
      remove(pieces, edit);
  }
}

function remove(pieces: Piece[], edit: Extract<HeaderEdit, { kind: 'remove' }>): void {
  if (edit.occurrence !== undefined) {
    const at = find(pieces, edit.name, edit.occurrence);
    if (at >= 0) pieces.splice(at, 1);
    return;
  }
  const name = edit.name.toLowerCase();
  for (let at = pieces.length - 1; at >= 0; at--) if (pieces[at]?.name === name) pieces.splice(at, 1);
}

function find(pieces: readonly Piece[], name: string, occurrence: number): number {
  const wanted = name.toLowerCase();
  let left = occurrence;
  return pieces.findIndex((piece) => piece.name === wanted && --left === 0);
}

function pieceOf(field: NewHeaderField): Piece {
  const { name, value } = headerField(field.name, field.value);
  return { name: name.toLowerCase(), octets: Buffer.from(`${name}: ${value}\r\n`) };
}

function split(headerBytes: Uint8Array): Piece[] {
  const { fields } = parseHeader(headerBytes);
  const end = sectionEnd(headerBytes);
  const pieces: Piece[] = [];
  const first = fields[0]?.start ?? end;
  if (first > 0) pieces.push({ name: '', octets: headerBytes.subarray(0, first) });
  for (const [at, field] of fields.entries()) {
    const octets = headerBytes.subarray(field.start, fields[at + 1]?.start ?? end);
    pieces.push({ name: field.name.toLowerCase(), octets });
  }
  return pieces;
}

/** Where the fields end: before the empty line, when there is one. */
function sectionEnd(octets: Uint8Array): number {
  const buffer = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
  if (buffer.length >= 2 && buffer[0] === 0x0d && buffer[1] === 0x0a) return 0;
  const end = buffer.indexOf('\r\n\r\n');
  return end < 0 ? buffer.length : end + 2;
}

function endsLine(octets: Uint8Array): boolean {
  return octets.at(-1) === 0x0a;
}
