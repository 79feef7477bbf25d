/**
 * The sender rewriting scheme: a reverse-path of another domain becomes one of ours that only we can have made, and that
 * leads back. `SRS0=hash=day=domain=local@ours`; from a second forwarder `SRS1=hash=first==hash=day=domain=local@ours`.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { type MailAddress, parseAddress } from '@postroad/core';

/** What addresses are made with. */
export interface SrsOptions {
  readonly domain: string;
  readonly secrets: readonly string[];
  readonly daysMax: number;
}

/** What an address of ours leads back to. */
export type SrsReading =
  | { readonly status: 'valid'; readonly address: MailAddress }
  /** `expired` addresses were ours once; `forged` ones never were. */
  | { readonly status: 'expired' | 'forged' };

const hashCharacters = 8;
const dayMs = 86_400_000;
/** Days are counted in base32, two characters: they come again after 1,024 days. */
const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const period = digits.length ** 2;
/** RFC 5321 section 4.5.3.1.1: what can't be said in so many octets is not rewritten. */
const localPartOctetsMax = 64;

/** The reverse-path for the next hop; `undefined` when the address is too long for the scheme. */
export function rewriteSender(
  address: MailAddress,
  options: SrsOptions,
  nowMs: number,
): MailAddress | undefined {
  const first = /^SRS0[=+-](.*)$/is.exec(address.localPart)?.[1];
  const again = /^SRS1[=+-][^=]*=([^=]+)==(.*)$/is.exec(address.localPart);
  // A second forwarder only names the first one, which alone can check its own address.
  const localPart =
    first !== undefined
      ? signed('SRS1', `${address.domain}==${first}`, options)
      : again !== null
        ? signed('SRS1', `${again[1]}==${again[2]}`, options)
        : signed('SRS0', `${encodeDay(nowMs)}=${address.domain}=${address.localPart}`, options);
  return Buffer.byteLength(localPart) > localPartOctetsMax
    ? undefined
    : { localPart, domain: options.domain };
}

/** Whether it has the form of a rewritten address. */
export function isRewritten({ localPart }: MailAddress): boolean {
  return /^SRS[01][=+-]/i.test(localPart);
}

/** Where a bounce to the address belongs. */
export function readSender({ localPart }: MailAddress, options: SrsOptions, nowMs: number): SrsReading {
  const [, kind = '', hash = '', rest = ''] = /^(SRS[01])[=+-]([^=]*)=(.*)$/is.exec(localPart) ?? [];
  if (!isHash(kind, hash, rest, options.secrets)) return { status: 'forged' };
  if (kind.toUpperCase() === 'SRS1') {
    const [, domain = '', inner = ''] = /^([^=]+)==(.*)$/s.exec(rest) ?? [];
    return reading(`SRS0=${inner}`, domain);
  }
  const [, day = '', domain = '', original = ''] = /^([^=]*)=([^=]+)=(.*)$/s.exec(rest) ?? [];
  const age = ageInDays(day, nowMs);
  if (age === undefined) return { status: 'forged' };
  return age > options.daysMax ? { status: 'expired' } : reading(original, domain);
}

function reading(localPart: string, domain: string): SrsReading {
  const isDot = /^[^\s"(),:;<>@[\\\]]+$/.test(localPart);
  const text = isDot ? `${localPart}@${domain}` : `"${localPart.replace(/["\\]/g, '\\$&')}"@${domain}`;
  const address = parseAddress(text);
  return address === undefined ? { status: 'forged' } : { status: 'valid', address };
}

function signed(kind: string, rest: string, { secrets }: SrsOptions): string {
  return `${kind}=${hashOf(kind, rest, secrets[0] ?? '')}=${rest}`;
}

/** Over lower case: servers on the way may change that. */
function hashOf(kind: string, rest: string, secret: string): string {
  const digest = createHmac('sha256', secret).update(`${kind}=${rest}`.toLowerCase()).digest('hex');
  return digest.slice(0, hashCharacters);
}

function isHash(kind: string, hash: string, rest: string, secrets: readonly string[]): boolean {
  if (hash.length !== hashCharacters) return false;
  const given = Buffer.from(hash.toLowerCase());
  if (given.length !== hashCharacters) return false;
  return secrets.some((secret) =>
    timingSafeEqual(given, Buffer.from(hashOf(kind.toUpperCase(), rest, secret))),
  );
}

function encodeDay(nowMs: number): string {
  const day = Math.floor(nowMs / dayMs) % period;
  return `${digits[Math.floor(day / digits.length)]}${digits[day % digits.length]}`;
}

function ageInDays(text: string, nowMs: number): number | undefined {
  const [high, low] = [...text.toUpperCase()].map((character) => digits.indexOf(character));
  if (text.length !== 2 || high === undefined || low === undefined || high < 0 || low < 0) return undefined;
  const today = Math.floor(nowMs / dayMs) % period;
  return (today - (high * digits.length + low) + period) % period;
}
