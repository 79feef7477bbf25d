/** Names of mailboxes: one form for each, and none that could mean something else to a client or a disk. */
import { MailError } from '../errors.js';
import type { SpecialUse } from '../services/mailbox-store.js';

/** Most octets of a whole name in UTF-8, and of one level. */
export const mailboxNameOctetsMax = 1_000;
const levelOctetsMax = 255;
const levelsMax = 50;

/** The mailboxes that an account has from its first use; all are subscribed. */
export const defaultMailboxes: readonly { readonly name: string; readonly specialUse?: SpecialUse }[] = [
  { name: 'INBOX' },
  { name: 'Drafts', specialUse: 'Drafts' },
  { name: 'Sent', specialUse: 'Sent' },
  { name: 'Junk', specialUse: 'Junk' },
  { name: 'Trash', specialUse: 'Trash' },
  { name: 'Archive', specialUse: 'Archive' },
];

/**
 * The stored form of a name: NFC, with INBOX in capitals, alone or as the first level (RFC 9051 section 5.1).
 * `undefined` for one that can not be: empty levels, `.` and `..`, control characters, broken surrogates, too long.
 */
export function normaliseMailboxName(name: string): string | undefined {
  if (name.length > mailboxNameOctetsMax || controlOrBroken.test(name)) return undefined;
  const levels = name.normalize('NFC').split('/');
  if (levels.length > levelsMax) return undefined;
  for (const level of levels) {
    if (level === '' || level === '.' || level === '..') return undefined;
    if (Buffer.byteLength(level) > levelOctetsMax) return undefined;
  }
  if (/^inbox$/i.test(levels[0] as string)) levels[0] = 'INBOX';
  const normal = levels.join('/');
  return Buffer.byteLength(normal) > mailboxNameOctetsMax ? undefined : normal;
}

/** The stored form of a name; throws `E_MAILBOX_NAME` when there is none. */
export function requireMailboxName(name: string): string {
  const normal = normaliseMailboxName(name);
  if (normal === undefined) throw new MailError('E_MAILBOX_NAME', 'a mailbox can not have that name');
  return normal;
}

/** The names above a name, outermost first. */
export function mailboxParents(name: string): readonly string[] {
  const levels = name.split('/');
  return levels.slice(1).map((_, index) => levels.slice(0, index + 1).join('/'));
}

/** The order of a list of mailboxes: INBOX first, then by name with every mailbox before those below it. */
export function compareMailboxNames(a: string, b: string): number {
  const keyA = orderKey(a);
  const keyB = orderKey(b);
  return keyA < keyB ? -1 : keyA > keyB ? 1 : 0;
}

// Without the `u` flag surrogates are seen one by one; pairs are taken out of the count by the lookarounds.
const controlOrBroken =
  /[\u0000-\u001f\u007f-\u009f\u2028\u2029]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

function orderKey(name: string): string {
  const key = name.replaceAll('/', '\u0000');
  return name === 'INBOX' || name.startsWith('INBOX/') ? `\u0001${key}` : `\u0002${key}`;
}
