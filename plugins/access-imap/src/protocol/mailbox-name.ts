/** Mailbox names on the wire: modified UTF-7 (RFC 3501 section 5.1.3), or UTF-8 where the client enabled it. */
import { type Cursor, SyntaxFault } from './cursor.js';
import { isAscii, octetsOf, textOf } from './octets.js';

/** How names are written: `utf-7` until the client enables UTF8=ACCEPT or IMAP4rev2. */
export type NameEncoding = 'utf-7' | 'utf-8';

const shiftPattern = /&([A-Za-z0-9+,]*)-/g;
const encodePattern = /&|[^\u0020-\u007e]+/g;
const loneSurrogatePattern = /\p{Surrogate}/u;

/** The name in modified UTF-7. */
export function encodeMailboxName(name: string): string {
  return name.replace(encodePattern, (run) => {
    if (run === '&') return '&-';
    const bytes = Buffer.from(run, 'utf16le').swap16();
    return `&${bytes.toString('base64').replace(/=+$/, '').replaceAll('/', ',')}-`;
  });
}

/**
 * The name that modified UTF-7 means; `undefined` when it is broken. Only the one canonical spelling is taken, so that
 * no two spellings name one mailbox (RFC 3501 section 5.1.3).
 */
export function decodeMailboxName(encoded: string): string | undefined {
  if (!isAscii(encoded)) return undefined;
  if (!encoded.includes('&')) return encoded;
  const name = encoded.replace(shiftPattern, (_, base64: string) => {
    if (base64 === '') return '&';
    const bytes = Buffer.from(base64.replaceAll(',', '/'), 'base64');
    return bytes
      .subarray(0, bytes.length & ~1)
      .swap16()
      .toString('utf16le');
  });
  return encodeMailboxName(name) === encoded ? name : undefined;
}

/** Reads a mailbox name as text in NFC; INBOX in any case becomes `INBOX`. */
export function readMailboxName(cursor: Cursor, encoding: NameEncoding): string {
  return mailboxNameOf(cursor.astring(), encoding);
}

/** The text of a mailbox name's octets; throws `SyntaxFault` when they are broken. */
export function mailboxNameOf(octets: string, encoding: NameEncoding): string {
  const name = encoding === 'utf-7' ? decodeMailboxName(octets) : textOf(octets);
  if (name === undefined || loneSurrogatePattern.test(name)) {
    throw new SyntaxFault('the mailbox name is not valid', 'NO', 'CANNOT');
  }
  const normal = isAscii(name) ? name : name.normalize('NFC');
  return normal.length === 5 && normal.toUpperCase() === 'INBOX' ? 'INBOX' : normal;
}

/** The name as octets for a response. */
export function mailboxOctets(name: string, encoding: NameEncoding): string {
  return encoding === 'utf-7' ? encodeMailboxName(name) : octetsOf(name);
}
