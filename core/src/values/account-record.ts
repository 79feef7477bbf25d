/** Accounts as other systems tell them: read once, strictly, because mail is kept under what they say. */
import { MailError } from '../errors.js';
import { addressKey, domainKey, formatAddress, type MailAddress, parseAddress } from './address.js';
import type { Account } from './identity.js';

/** An account as a database, a directory server or a web service gives it; what is `null` or an empty text is absent. */
export interface AccountRecord {
  readonly login: unknown;
  /** The login in lower case when absent. */
  readonly id?: unknown;
  /** A list, a JSON array, or addresses divided by commas or line ends; the login when absent. */
  readonly addresses?: unknown;
  /** `true`, 1, `TRUE`, `yes`, `t`. */
  readonly disabled?: unknown;
  /** Octets. */
  readonly quotaBytes?: unknown;
  /** As `addresses`; all protocols when absent, none when it is a list with nothing in it. */
  readonly protocols?: unknown;
}

const addressesMax = 1_000;
const idPattern = /^[A-Za-z0-9._\-@+]{1,255}$/;

/** The account; throws `E_DIRECTORY` saying what is wrong, never with a password. */
export function readAccountRecord(record: AccountRecord): Account {
  const login = textOf(record.login);
  if (login === undefined || login.length > 255 || /[\u0000-\u001f\u007f]/.test(login))
    throw wrong('login', login);
  const id = textOf(record.id) ?? login.toLowerCase();
  if (!idPattern.test(id)) throw wrong('id', id);
  const quotaBytes = textOf(record.quotaBytes);
  if (quotaBytes !== undefined && !/^\d{1,15}$/.test(quotaBytes)) throw wrong('quota', quotaBytes);
  const protocols = protocolsOf(record.protocols);
  return {
    id,
    login,
    addresses: addressesOf(listOf(record.addresses) ?? [login], login),
    isDisabled: isTrue(record.disabled),
    ...(quotaBytes === undefined || Number(quotaBytes) === 0 ? {} : { quotaBytes: Number(quotaBytes) }),
    ...(protocols === undefined ? {} : { protocols }),
  };
}

/**
 * The text by which other systems are asked for an address: equal for addresses that name the same mailbox (lower case,
 * NFC, the domain in A-labels), and quoted where an address has to be.
 */
export function addressQuestion({ localPart, domain }: MailAddress): string {
  return formatAddress({ localPart: localPart.normalize('NFC').toLowerCase(), domain: domainKey(domain) });
}

function addressesOf(texts: readonly string[], login: string): readonly MailAddress[] {
  const addresses = new Map<string, MailAddress>();
  for (const text of texts) {
    const address = parseAddress(text);
    if (address === undefined) throw wrong('address', `${text} of ${login}`);
    const known = addressKey(address);
    if (!addresses.has(known)) addresses.set(known, address);
  }
  if (addresses.size > addressesMax) throw wrong('number of addresses', login);
  return [...addresses.values()];
}

/** An empty list is no mistake of whoever crosses what an account and its password may: it must not open everything. */
function protocolsOf(value: unknown): readonly string[] | undefined {
  const list = Array.isArray(value) ? value : parsed(textOf(value));
  return list?.length === 0 ? [] : listOf(value)?.map((protocol) => protocol.toLowerCase());
}

function textOf(value: unknown): string | undefined {
  const text = typeof value === 'number' || typeof value === 'bigint' ? String(value) : value;
  return typeof text === 'string' && text !== '' ? text : undefined;
}

function isTrue(value: unknown): boolean {
  return value === true || (value !== false && /^(?:1|t|true|yes|y|on)$/i.test(textOf(value) ?? ''));
}

function listOf(value: unknown): readonly string[] | undefined {
  const list = Array.isArray(value) ? value : parsed(textOf(value));
  const texts = list?.map(textOf).filter((text) => text !== undefined);
  return texts === undefined || texts.length === 0 ? undefined : texts;
}

function parsed(text: string | undefined): readonly unknown[] | undefined {
  if (text === undefined) return undefined;
  if (!text.startsWith('[')) return text.split(/[,\r\n]+/).map((one) => one.trim());
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value)) return value;
  } catch (cause) {
    throw new MailError('E_DIRECTORY', 'a list of an account is not JSON', { cause });
  }
  return undefined;
}

function wrong(what: string, value: unknown): MailError {
  return new MailError('E_DIRECTORY', `the directory gave an account with a wrong ${what}: ${String(value)}`);
}
