/**
 * Return paths of their own for each recipient (VERP): `b+DAYMAC=local=domain@returns`. The day bounds how long a path
 * is good, the code proves that we have made it: nobody else can send a report that counts.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { type MailAddress, parseAddress } from '@postroad/core';

/** What paths are made with. */
export interface ReturnPathOptions {
  readonly domain: string;
  readonly secret: string;
  readonly days: number;
}

/** What an address turned out to be: a path of ours with its recipient, one that is not good (any more), or neither. */
export type ReadReturnPath =
  | { readonly recipient: MailAddress }
  | { readonly refused: 'expired' | 'forged' }
  | undefined;

const dayMs = 86_400_000;
/** Five bits a digit: 50 bits of code. */
const codeDigits = 10;
/** RFC 5321 section 4.5.3.1.1. */
const localPartOctetsMax = 64;
const pattern = /^b\+([a-z0-9]{4})([a-z2-7]{10})=(.+)=([^=]+)$/;

/** The path for a recipient; `undefined` when there is none that every server would take. */
export function returnPathFor(
  recipient: MailAddress,
  nowMs: number,
  options: ReturnPathOptions,
): MailAddress | undefined {
  const local = recipient.localPart;
  // What stands in a local part unquoted, and is the same in lower case, comes back as it went out.
  if (!/^[a-z0-9!#$%&'*+/=?^_`{|}~.-]+$/i.test(local)) return undefined;
  if (!/^[a-z0-9.-]+$/i.test(recipient.domain)) return undefined;
  const day = Math.floor(nowMs / dayMs)
    .toString(36)
    .padStart(4, '0');
  const key = `${local}=${recipient.domain}`.toLowerCase();
  const localPart = `b+${day}${codeOf(day, key, options)}=${key}`;
  return localPart.length > localPartOctetsMax ? undefined : { localPart, domain: options.domain };
}

/** Reads a path that something came back to. */
export function readReturnPath(
  address: MailAddress,
  nowMs: number,
  options: ReturnPathOptions,
): ReadReturnPath {
  if (address.domain !== options.domain) return undefined;
  const [, day, code, local, domain] = pattern.exec(address.localPart.toLowerCase()) ?? [];
  if (day === undefined || code === undefined) return undefined;
  const expected = codeOf(day, `${local}=${domain}`, options);
  if (!timingSafeEqual(Buffer.from(code), Buffer.from(expected))) return { refused: 'forged' };
  const ageDays = Math.floor(nowMs / dayMs) - Number.parseInt(day, 36);
  if (ageDays < 0 || ageDays > options.days) return { refused: 'expired' };
  const recipient = parseAddress(`${local}@${domain}`);
  return recipient === undefined ? { refused: 'forged' } : { recipient };
}

/** Base 32 of the first octets: letters that survive a change of case. */
function codeOf(day: string, key: string, { secret, domain }: ReturnPathOptions): string {
  const digest = createHmac('sha256', secret).update(`${day} ${key} ${domain}`).digest();
  return Array.from(
    digest.subarray(0, codeDigits),
    (octet) => 'abcdefghijklmnopqrstuvwxyz234567'[octet & 31],
  ).join('');
}
