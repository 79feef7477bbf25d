/** Where a section of a message lies, computed from its parsed structure (RFC 9051 section 6.4.5.1). */
import type { MimePart } from '@postroad/core';
import type { Partial, Section } from './fetch-items.js';

/** Octets from `start` up to, not including, `end`; with `fields`, only header fields of these octets. */
export interface SectionRange {
  readonly start: number;
  readonly end: number;
  readonly fields?: { readonly names: ReadonlySet<string>; readonly isExcluded: boolean };
}

/** The range of a section; `undefined` when the message has no such part. */
export function sectionRange(
  structure: MimePart,
  sizeOctets: number,
  section: Section,
): SectionRange | undefined {
  if (section.path.length === 0) return rangeInMessage(structure, sizeOctets, section);
  const part = findPart(structure, section.path);
  if (part === undefined) return undefined;
  if (section.text === 'all') return { start: part.bodyStart, end: part.bodyEnd };
  if (section.text === 'mime') return { start: part.headerStart, end: part.bodyStart };
  // HEADER and TEXT of a part mean the message inside it.
  if (part.message === null) return undefined;
  return rangeInMessage(part.message.structure, part.bodyEnd, section);
}

/** The part at a path; `undefined` when there is none. */
export function findPart(structure: MimePart, path: readonly number[]): MimePart | undefined {
  let part = structure;
  // A message's own body is its part 1 when it is not multipart; a leaf has no parts.
  let isMessage = true;
  for (const number of path) {
    if (!isMessage && part.message !== null) {
      part = part.message.structure;
      isMessage = true;
    }
    if (part.children.length > 0) {
      const child = part.children[number - 1];
      if (child === undefined) return undefined;
      part = child;
    } else if (!isMessage || number !== 1) return undefined;
    isMessage = false;
  }
  return part;
}

/** Cuts a range down to `<start.length>`; a start behind the end gives an empty range. */
export function cutRange(
  range: { readonly start: number; readonly end: number },
  partial: Partial | undefined,
) {
  if (partial === undefined) return { start: range.start, end: range.end };
  const start = Math.min(range.start + partial.start, range.end);
  return { start, end: Math.min(start + partial.length, range.end) };
}

/**
 * The fields of a header section that are asked for, with the empty line that ends every header (RFC 9051 section
 * 6.4.5.1). Works on octets, so that unusual fields come back unchanged.
 */
export function selectFields(header: string, names: ReadonlySet<string>, isExcluded: boolean): string {
  let selected = '';
  let at = 0;
  while (at < header.length) {
    const end = fieldEnd(header, at);
    const first = header.charCodeAt(at);
    if (first === 0x0d || first === 0x0a) break;
    const colon = header.indexOf(':', at);
    const name = colon < 0 || colon >= end ? '' : header.slice(at, colon).trimEnd().toLowerCase();
    if (names.has(name) !== isExcluded) selected += header.slice(at, end);
    at = end;
  }
  return `${selected}\r\n`;
}

function rangeInMessage(structure: MimePart, end: number, section: Section): SectionRange {
  const { headerStart, bodyStart } = structure;
  switch (section.text) {
    case 'all':
    case 'mime':
      return { start: headerStart, end };
    case 'text':
      return { start: bodyStart, end };
    case 'header':
      return { start: headerStart, end: bodyStart };
    case 'fields':
    case 'fields-not': {
      const names = new Set(section.fields.map((field) => field.toLowerCase()));
      const fields = { names, isExcluded: section.text === 'fields-not' };
      return { start: headerStart, end: bodyStart, fields };
    }
  }
}

function fieldEnd(header: string, start: number): number {
  let at = start;
  for (;;) {
    const newline = header.indexOf('\n', at);
    if (newline < 0) return header.length;
    const next = header.charCodeAt(newline + 1);
    if (next !== 0x20 && next !== 0x09) return newline + 1;
    at = newline + 1;
  }
}
