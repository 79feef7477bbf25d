/** Strings in responses (RFC 9051 section 9, `nstring`, `astring`), as octets. */
import { isAscii, octetsOf } from './octets.js';

const quotablePattern = /^[\u0001-\u0009\u000b\u000c\u000e-\u007f]*$/;
const atomPattern = /^[^\s(){%*"\\\]\u0000-\u001f\u007f-\u00ff]+$/;
const escapePattern = /["\\]/g;
/** Longer strings go as literals: some clients limit the length of a line. */
const quotedLengthMax = 1000;

/** Whether responses may hold UTF-8 in quoted strings: after ENABLE UTF8=ACCEPT or IMAP4rev2. */
export interface StringOptions {
  readonly isUtf8: boolean;
}

/** A quoted string, or a literal when the text can't be quoted. */
export function writeString(text: string, options: StringOptions): string {
  if (text.length <= quotedLengthMax && quotablePattern.test(text)) return quote(text);
  const octets = octetsOf(text).replaceAll('\0', '');
  if (options.isUtf8 && octets.length <= quotedLengthMax && !/[\r\n]/.test(octets)) return quote(octets);
  return `{${octets.length}}\r\n${octets}`;
}

/** Octets of any kind: a literal8 (RFC 3516) when there is a NUL among them. */
export function writeOctets(octets: string): string {
  if (octets.length <= quotedLengthMax && quotablePattern.test(octets)) return quote(octets);
  return `${octets.includes('\0') ? '~' : ''}{${octets.length}}\r\n${octets}`;
}

/** A string, or `NIL` for `null`. */
export function writeNString(text: string | null, options: StringOptions): string {
  return text === null ? 'NIL' : writeString(text, options);
}

/** A mailbox name or other astring, given as octets: an atom when it is one, else a string. */
export function writeAstring(octets: string): string {
  if (octets.length <= quotedLengthMax && atomPattern.test(octets) && octets.toUpperCase() !== 'NIL') {
    return octets;
  }
  if (isAscii(octets) && octets.length <= quotedLengthMax && quotablePattern.test(octets))
    return quote(octets);
  if (!/[\r\n\u0000]/.test(octets) && octets.length <= quotedLengthMax) return quote(octets);
  return `{${octets.length}}\r\n${octets}`;
}

function quote(text: string): string {
  return text.includes('"') || text.includes('\\') ? `"${text.replace(escapePattern, '\\$&')}"` : `"${text}"`;
}
