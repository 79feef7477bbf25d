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

/** The range of keys of one message's recipients. */
export function recipientRange(id: string): { readonly start: string; readonly end: string } {
  // '0' is the character behind '/'.
  return { start: `${id}/`, end: `${id}0` };
}

/** Site, zero, moment, index, id: sorted by site, then by age. */
export function dueKey(recipient: Pick<QueuedRecipient, 'site' | 'dueAtMs' | 'index' | 'messageId'>): Buffer {
  const site = Buffer.from(recipient.site);
  const key = Buffer.allocUnsafe(site.length + 13 + recipient.messageId.length);
  site.copy(key);
  key[site.length] = 0;
  key.writeDoubleBE(Math.max(0, recipient.dueAtMs), site.length + 1);
  key.writeUInt32BE(recipient.index, site.length + 9);
  key.write(recipient.messageId, site.length + 13, 'latin1');
  return key;
}

/** The first key of a site at or after a moment. */
export function dueBound(site: string, dueAtMs: number): Buffer {
  const octets = Buffer.from(site);
  const key = Buffer.allocUnsafe(octets.length + 9);
  octets.copy(key);
  key[octets.length] = 0;
  key.writeDoubleBE(dueAtMs, octets.length + 1);
  return key;
}

/** The first key behind all of a site. */
export function behindSite(site: string): Buffer {
  return Buffer.from(`${site}\u0001`);
}

/** What a key of the due index says. */
export interface DueEntry {
  readonly key: Buffer;
  readonly site: string;
  readonly dueAtMs: number;
  readonly index: number;
  readonly messageId: string;
}

/** Reads a key of the due index; `undefined` when it is not one. */
export function readDueKey(key: Buffer): DueEntry | undefined {
  const zero = key.indexOf(0);
  if (zero < 0 || key.length < zero + 14) return undefined;
  return {
    key,
    site: key.toString('utf8', 0, zero),
    dueAtMs: key.readDoubleBE(zero + 1),
    index: key.readUInt32BE(zero + 9),
    messageId: key.toString('latin1', zero + 13),
  };
}
