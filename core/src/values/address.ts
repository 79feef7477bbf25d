/**
 * Mail addresses and the paths that carry them in SMTP commands.
 * Pure values: parsing never looks anything up, and every limit of the RFC is enforced here, once.
 */
import { isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';

/**
 * A mailbox address (RFC 5321 section 4.1.2, RFC 6531 section 3.3). `localPart` is without its quotes and escapes;
 * `domain` is lower-cased, may be an address literal with its brackets, and is empty only for the `<postmaster>` of
 * RFC 5321 section 4.5.1.
 */
export interface MailAddress {
  readonly localPart: string;
  readonly domain: string;
}

/** Where bounces go: an address, or `null` for the null reverse-path `<>` (RFC 5321 section 4.5.5). */
export type ReversePath = MailAddress | null;

/** RFC 5321 section 4.5.3.1.1 to 4.5.3.1.3, in octets. */
const localPartOctetsMax = 64;
const domainOctetsMax = 255;
const pathOctetsMax = 254;

const labelPattern =
  /^[a-z0-9\u0080-\u{10ffff}](?:[a-z0-9_\-\u0080-\u{10ffff}]*[a-z0-9\u0080-\u{10ffff}])?$/u;
const dotAtomPattern =
  /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\u0080-\u{10ffff}]+(?:\.[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\u0080-\u{10ffff}]+)*$/u;
const ipv4LiteralPattern = /^\[(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\]$/;
const ipv6LiteralPattern = /^\[ipv6:([0-9a-f:.]{2,45})\]$/;
// Without the `u` flag a lone surrogate is matched too; it is refused with the other characters that are not text.
const controlPattern = /[\u0000-\u001f\u007f\ufffd]/;

/** The address in the form that SMTP writes: the local part quoted where RFC 5321 asks for it, no angle brackets. */
export function formatAddress(address: MailAddress): string {
  const local = dotAtomPattern.test(address.localPart)
    ? address.localPart
    : `"${address.localPart.replace(/["\\]/g, '\\$&')}"`;
  return address.domain === '' ? local : `${local}@${address.domain}`;
}

/** The reverse-path as SMTP writes it inside angle brackets; empty for the null path. */
export function formatReversePath(path: ReversePath): string {
  return path === null ? '' : formatAddress(path);
}

/** Whether both name the same mailbox as far as a stranger can tell: domains are equal, local parts ignore case. */
export function isSameAddress(a: MailAddress, b: MailAddress): boolean {
  return addressKey(a) === addressKey(b);
}

/**
 * The key under which addresses are looked up and compared: equal for addresses that name the same mailbox. The local
 * part ignores case and is NFC (RFC 6532 section 3.1), the domain is in A-labels. Not for the wire.
 */
export function addressKey(address: MailAddress): string {
  return `${address.localPart.normalize('NFC').toLowerCase()}@${domainKey(address.domain)}`;
}

/** The domain in lower case with A-labels, so that both spellings of an international name are equal (RFC 5890). */
export function domainKey(domain: string): string {
  const lower = domain.toLowerCase();
  if (isAscii(lower)) return lower;
  const ascii = domainToASCII(lower);
  return ascii === '' ? lower : ascii;
}

/** Whether the address can only be said with SMTPUTF8 (RFC 6531). */
export function isInternationalAddress(address: MailAddress): boolean {
  return !isAscii(address.localPart) || !isAscii(address.domain);
}

/** A bare address such as `alice@example.org` or `"a b"@example.org`; `undefined` when it is not one. */
export function parseAddress(text: string): MailAddress | undefined {
  const path = parsePath(`<${text}>`, 0);
  // Nothing stands behind it: a bracket in the text ends no address.
  if (path === undefined || path.end !== text.length + 2) return undefined;
  return path.address === null || path.address.domain === '' ? undefined : path.address;
}

/** A domain name or address literal in its lower-case form; `undefined` when it breaks RFC 5321 section 4.1.2. */
export function parseDomain(text: string): string | undefined {
  const domain = text.toLowerCase();
  if (domain.startsWith('[')) return isAddressLiteral(domain) ? domain : undefined;
  if (domain === '' || isLonger(domain, domainOctetsMax)) return undefined;
  for (const label of domain.split('.')) {
    if (label.length > 63 || !labelPattern.test(label)) return undefined;
  }
  return domain;
}

/** A path read from a command, and the index behind its closing bracket. */
export interface ParsedPath {
  readonly address: ReversePath;
  readonly end: number;
}

/**
 * Reads a Path or Reverse-path (RFC 5321 section 4.1.2) in angle brackets that starts at `start`. A source route is
 * read and dropped (RFC 5321 appendix C). `undefined` when the text is not a path.
 */
export function parsePath(text: string, start: number): ParsedPath | undefined {
  if (text[start] !== '<') return undefined;
  if (text[start + 1] === '>') return { address: null, end: start + 2 };
  const local = readLocalPart(text, skipSourceRoute(text, start + 1));
  if (local === undefined) return undefined;
  if (text[local.end] === '>') {
    // RFC 5321 section 4.1.1.3: only postmaster may come without a domain.
    if (local.value.toLowerCase() !== 'postmaster') return undefined;
    return { address: { localPart: local.value, domain: '' }, end: local.end + 1 };
  }
  if (text[local.end] !== '@') return undefined;
  const close = text.indexOf('>', local.end);
  if (close < 0) return undefined;
  const domain = parseDomain(text.slice(local.end + 1, close));
  if (domain === undefined) return undefined;
  if (isLonger(`${local.value}@${domain}`, pathOctetsMax)) return undefined;
  return { address: { localPart: local.value, domain }, end: close + 1 };
}

function skipSourceRoute(text: string, start: number): number {
  if (text[start] !== '@') return start;
  const colon = text.indexOf(':', start);
  const route = colon < 0 ? '' : text.slice(start, colon);
  const isRoute = route
    .split(',')
    .every((hop) => hop.startsWith('@') && parseDomain(hop.slice(1)) !== undefined);
  return isRoute ? colon + 1 : start;
}

function readLocalPart(text: string, start: number): { value: string; end: number } | undefined {
  if (text[start] === '"') return readQuotedString(text, start);
  let end = start;
  while (end < text.length && text[end] !== '@' && text[end] !== '>') end++;
  const value = text.slice(start, end);
  if (!dotAtomPattern.test(value) || controlPattern.test(value)) return undefined;
  return isLonger(value, localPartOctetsMax) ? undefined : { value, end };
}

function readQuotedString(text: string, start: number): { value: string; end: number } | undefined {
  let value = '';
  for (let at = start + 1; at < text.length; at++) {
    const character = text[at] as string;
    if (character === '"') {
      if (value === '' || isLonger(value, localPartOctetsMax)) return undefined;
      return { value, end: at + 1 };
    }
    const literal = character === '\\' ? text[++at] : character;
    if (literal === undefined || controlPattern.test(literal)) return undefined;
    value += literal;
  }
  return undefined;
}

function isAddressLiteral(text: string): boolean {
  const four = ipv4LiteralPattern.exec(text);
  if (four !== null) return four.slice(1).every((octet) => Number(octet) <= 255);
  return isIPv6(ipv6LiteralPattern.exec(text)?.[1] ?? '');
}

/** Whether the text has more octets than that. A code unit makes three at most, so a short text is not counted. */
function isLonger(text: string, octetsMax: number): boolean {
  return text.length * 3 > octetsMax && Buffer.byteLength(text) > octetsMax;
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 127) return false;
  return true;
}
