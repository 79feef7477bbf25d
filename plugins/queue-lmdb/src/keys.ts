/** Keys of the databases. Their order is the order of lists and of due moments. */
import { MailError, type QueuedRecipient } from '@postroad/core';

const indexDigits = 8;
const idPattern = /^[A-Za-z0-9._-]{1,128}$/;

/** Checks an id before it becomes a key and a file's name. */
export function checkId(id: string): void {
  if (!idPattern.test(id) || id.startsWith('.')) {
    throw new MailError('E_QUEUE_STORE', 'a message id may have letters, digits, dots and dashes only');
  }
}

/** Where a recipient's record is, and its place in lists. */
export function recipientKey(id: string, index: number): string {
  return `${id}/${index.toString().padStart(indexDigits, '0')}`;
}

/** What a recipient's key says; `undefined` when it is none. */
export function readRecipientKey(key: string): { messageId: string; index: number } | undefined {
  const slash = key.length - indexDigits - 1;
  const index = Number(key.slice(slash + 1));
  if (key[slash] !== '/' || !Number.isSafeInteger(index)) return undefined;
  return { messageId: key.slice(0, slash), index };
}

/** The range of keys of one message's recipients. */
export function recipientRange(id: string): { readonly start: string; readonly end: string } {
  // '0' is the character behind '/'.
  return { start: `${id}/`, end: `${id}0` };
}

/** Site, zero, moment, index, id: sorted by site, then by age. Each octet is a character. */
export function dueKey(recipient: Pick<QueuedRecipient, 'site' | 'dueAtMs' | 'index' | 'messageId'>): string {
  number.writeDoubleBE(Math.max(0, recipient.dueAtMs), 0);
  number.writeUInt32BE(recipient.index, 8);
  return `${octetsOf(recipient.site)}\u0000${number.toString('latin1', 0, 12)}${recipient.messageId}`;
}

/** The first key of a site at or after a moment. */
export function dueBound(site: string, dueAtMs: number): string {
  number.writeDoubleBE(Math.max(0, dueAtMs), 0);
  return `${octetsOf(site)}\u0000${number.toString('latin1', 0, 8)}`;
}

/** The first key behind all of a site. */
export function behindSite(site: string): string {
  return `${octetsOf(site)}\u0001`;
}

/** What a key of the due index says. */
export interface DueEntry {
  readonly key: string;
  readonly site: string;
  readonly dueAtMs: number;
  readonly index: number;
  readonly messageId: string;
}

/** Reads a key of the due index; `undefined` when it is not one. */
export function readDueKey(key: string): DueEntry | undefined {
  const zero = key.indexOf('\u0000');
  if (zero < 0 || key.length < zero + 14) return undefined;
  number.write(key.slice(zero + 1, zero + 13), 0, 'latin1');
  return {
    key,
    site: Buffer.from(key.slice(0, zero), 'latin1').toString(),
    dueAtMs: number.readDoubleBE(0),
    index: number.readUInt32BE(8),
    messageId: key.slice(zero + 13),
  };
}

/** Where numbers become octets; used by one call at a time. */
const number = Buffer.alloc(12);

/** A site's name, each octet a character. */
function octetsOf(site: string): string {
  return isAscii.test(site) ? site : Buffer.from(site).toString('latin1');
}

const isAscii = /^[\u0000-\u007f]*$/;
