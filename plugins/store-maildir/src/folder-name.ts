/**
 * Names of mailboxes as directories of a Maildir++: INBOX is the Maildir itself, `Work/2024` is `.Work.2024` in it. Levels
 * are in modified UTF-7 (RFC 3501 section 5.1.3), as Dovecot and Courier write them; a dot in a level is `\2e`, a backslash `\5c`.
 */
import { MailError, normaliseMailboxName } from '@postroad/core';

const octetsMax = 255;
const shiftPattern = /&([A-Za-z0-9+,]*)-/g;

/** The directory of a mailbox, relative to the Maildir; `''` for INBOX. Throws `E_MAILBOX_NAME` when it would be too long. */
export function directoryOf(name: string): string {
  if (name === 'INBOX') return '';
  const levels = name.split('/').map((level) => encoded(level));
  const directory = `.${levels.join('.')}`;
  if (directory.length > octetsMax) throw new MailError('E_MAILBOX_NAME', 'a mailbox can not have that name');
  return directory;
}

/** The mailbox of a directory; `undefined` for one that is none, or not spelt in the one way that names have. */
export function mailboxOf(directory: string): string | undefined {
  if (!directory.startsWith('.')) return undefined;
  const levels = directory.slice(1).split('.').map(decoded);
  if (levels.includes('')) return undefined;
  const name = levels.join('/');
  if (normaliseMailboxName(name) !== name) return undefined;
  return name.length <= octetsMax && directoryOf(name) === directory ? name : undefined;
}

/** The name of a subscription in one of Dovecot's files: levels in modified UTF-7. */
export function encodeLevels(name: string, separator: string): string {
  return name.split('/').map(encoded).join(separator);
}

/** The other way. */
export function decodeLevels(encodedName: string, separator: string): string | undefined {
  return normaliseMailboxName(encodedName.split(separator).map(decoded).join('/'));
}

function encoded(level: string): string {
  return level
    .replace(/[.\\]/g, (sign) => `\\${sign.charCodeAt(0).toString(16)}`)
    .replace(/&|[^\u0020-\u007e]+/g, (run) => {
      if (run === '&') return '&-';
      const octets = Buffer.from(run, 'utf16le').swap16();
      return `&${octets.toString('base64').replace(/=+$/, '').replaceAll('/', ',')}-`;
    });
}

function decoded(level: string): string {
  return level
    .replace(shiftPattern, (_, base64: string) => {
      if (base64 === '') return '&';
      const octets = Buffer.from(base64.replaceAll(',', '/'), 'base64');
      return octets
        .subarray(0, octets.length & ~1)
        .swap16()
        .toString('utf16le');
    })
    .replace(/\\(2e|5c)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
