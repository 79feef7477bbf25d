/** Header fields as DKIM and ARC sign them (RFC 6376 section 3.4), and the signature field itself. */
import { foldFieldValue } from '../values/fold-field.js';
import { parseHeader } from '../values/header.js';
import type { DkimCanonicalization } from './dkim-body-hash.js';

/** One field of a section, with its own octets. */
export interface SignedField {
  /** In lower case. */
  readonly name: string;
  /** The field with its line end, as it stands there; one character for each octet. */
  readonly octets: string;
}

/** The fields of a header section, top to bottom. */
export function signedFields(section: Uint8Array): readonly SignedField[] {
  const buffer = Buffer.from(section.buffer, section.byteOffset, section.byteLength);
  return parseHeader(section).fields.map(({ name, start, end }) => ({
    name: name.toLowerCase(),
    octets: buffer.toString('latin1', start, end),
  }));
}

/** A field in canonical form, with its line end. */
export function canonicalField(octets: string, canonicalization: DkimCanonicalization): string {
  if (canonicalization === 'simple') return octets.endsWith('\r\n') ? octets : `${octets}\r\n`;
  const split = octets.indexOf(':');
  const name = octets.slice(0, split).trim().toLowerCase();
  const value = octets
    .slice(split + 1)
    .replace(/\r\n/g, '')
    .replace(/[ \t]+/g, ' ')
    .replace(/^ | $/g, '');
  return `${name}:${value}\r\n`;
}

/** What is signed of a message's own fields, and the names that say so. */
export interface HeaderSelection {
  /** The value of `h=`. */
  readonly names: readonly string[];
  /** The canonical fields, in that order. */
  readonly canonical: string;
}

/**
 * Picks the fields to sign. Each occurrence of a name is signed, from the bottom up (RFC 6376 section 5.4.2); those of
 * `oversigned` are named once more than they are there, so that nobody can add another one.
 */
export function selectFields(
  fields: readonly SignedField[],
  signed: readonly string[],
  oversigned: readonly string[],
  canonicalization: DkimCanonicalization,
): HeaderSelection {
  const names: string[] = [];
  let canonical = '';
  for (const name of new Set([...signed, ...oversigned])) {
    const present = fields.filter((field) => field.name === name).reverse();
    for (const field of present) {
      names.push(name);
      canonical += canonicalField(field.octets, canonicalization);
    }
    if (oversigned.includes(name)) names.push(name);
  }
  return { names, canonical };
}

/** Writes a tag list with the signature's own tag last and empty, folded; append what `foldSignature` gives. */
export function formatTags(tags: readonly (readonly [name: string, value: string])[]): string {
  // The names of fields may be folded at their colons (RFC 6376 section 3.5, `h=`).
  const text = tags.map(([name, value]) => `${name}=${name === 'h' ? value.replaceAll(':', ' : ') : value}`);
  return `${foldFieldValue(text.join('; '))};\r\n\tb=`;
}

/** A signature in base64, folded. */
export function foldSignature(signature: string): string {
  return signature.replace(/.{66}(?=.)/g, '$&\r\n\t');
}
