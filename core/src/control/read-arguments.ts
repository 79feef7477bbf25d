/** Reading the arguments of commands: what comes over the socket is checked before anything is done. */
import { isAbsolute } from 'node:path';
import { MailError } from '../errors.js';
import type { SuspensionTarget } from '../services/queue.js';
import type { QueueFilter, RecipientState } from '../services/queue-store.js';
import { type MailAddress, parseAddress, type ReversePath } from '../values/address.js';
import type { Route } from '../values/route.js';

/** What a command was called with. */
export type Given = Readonly<Record<string, unknown>>;

const states: readonly RecipientState[] = ['ready', 'waiting', 'leased', 'held'];
const textKeys = [
  'messageId',
  'state',
  'site',
  'domain',
  'recipient',
  'sender',
  'senderDomain',
  'account',
  'tenant',
  'campaign',
  'listener',
  'remoteAddress',
  'reply',
] as const;
const numberKeys = ['receivedBeforeMs', 'attemptsMin'] as const;
const targetKinds = ['site', 'domain', 'account', 'tenant', 'campaign'] as const;

/** An empty filter changes everything, so that must be said. */
export function readChangeFilter(given: Given): QueueFilter {
  const filter = readFilter(given.filter);
  if (Object.keys(filter).length === 0 && given.all !== true) {
    throw new MailError('E_USAGE', 'name a message or a filter, or say that all are meant');
  }
  return filter;
}

/** A filter; unknown fields are refused, lest a misspelt one means everything. */
export function readFilter(value: unknown): QueueFilter {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null) throw new MailError('E_USAGE', 'the filter is no object');
  const filter: Record<string, unknown> = {};
  for (const [key, wanted] of Object.entries(value)) {
    const isNumber = numberKeys.some((known) => known === key);
    if (!isNumber && !textKeys.some((known) => known === key)) {
      throw new MailError('E_USAGE', `unknown filter ${key}`);
    }
    if (isNumber && !(typeof wanted === 'number' && Number.isFinite(wanted))) {
      throw new MailError('E_USAGE', `the filter ${key} is no number`);
    }
    if (!isNumber && typeof wanted !== 'string')
      throw new MailError('E_USAGE', `the filter ${key} is no text`);
    filter[key] = wanted;
  }
  if (filter.state !== undefined && !states.some((state) => state === filter.state)) {
    throw new MailError('E_USAGE', `a state is one of ${states.join(', ')}`);
  }
  return filter as QueueFilter;
}

/** What is to be suspended or resumed. */
export function readTarget({ kind: given, value }: Given): SuspensionTarget {
  const kind = targetKinds.find((known) => known === given);
  if (kind !== undefined && typeof value === 'string' && value !== '') return { kind, value };
  throw new MailError('E_USAGE', `name one of ${targetKinds.join(', ')}`);
}

/** Where to send recipients instead: `mx:DOMAIN`, `smtp:HOST:PORT`, `lmtp:HOST:PORT` or `NAME:TARGET`; none to undo it. */
export function readRoute(given: Given): Route | undefined {
  const text = readText(given, 'to');
  if (text === undefined) return undefined;
  const [, transport = '', target = ''] = /^([a-z][a-z0-9-]*):(.+)$/.exec(text) ?? [];
  if (transport === 'mx') return { transport, domain: target.toLowerCase() };
  if (transport === 'smtp' || transport === 'lmtp') {
    const [, host = '', port = ''] = /^(.+):(\d{1,5})$/.exec(target) ?? [];
    if (host === '' || Number(port) < 1 || Number(port) > 65_535)
      throw new MailError('E_USAGE', `${transport}: takes HOST:PORT`);
    return { transport, host, port: Number(port) };
  }
  if (transport === '' || transport === 'local')
    throw new MailError('E_USAGE', 'a transport is mx:DOMAIN, smtp:HOST:PORT, lmtp:HOST:PORT or NAME:TARGET');
  return { transport: 'custom', name: transport, target };
}

/** A file on the server's machine. */
export function readFile(given: Given): string {
  const file = readText(given, 'file');
  if (file !== undefined && isAbsolute(file)) return file;
  throw new MailError('E_USAGE', 'name the file by its whole path');
}

/** Why, and until when. */
export function readSuspension(given: Given): { readonly reason: string; readonly untilMs?: number } {
  const reason = readText(given, 'reason') ?? 'suspended by the operator';
  const { untilMs } = given;
  if (untilMs === undefined) return { reason };
  if (typeof untilMs === 'number' && Number.isFinite(untilMs)) return { reason, untilMs };
  throw new MailError('E_USAGE', 'untilMs is a moment in milliseconds');
}

/** How many at most. */
export function readLimit(given: Given): number {
  const { limit = Number.MAX_SAFE_INTEGER } = given;
  if (typeof limit === 'number' && Number.isSafeInteger(limit) && limit > 0) return limit;
  throw new MailError('E_USAGE', 'the limit is a number above 0');
}

/** A text; an empty one is none. */
export function readText(given: Given, key: string): string | undefined {
  const value = given[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** An address. */
export function readAddress(given: Given, key: string): MailAddress {
  const address = parseAddress(readText(given, key) ?? '');
  if (address !== undefined) return address;
  throw new MailError(
    'E_USAGE',
    `${key}: ${String(given[key] ?? 'nothing').slice(0, 320)} is not a mail address`,
  );
}

/** The sender that a question is about; the null reverse-path when none is named. */
export function readSender(given: Given): ReversePath {
  return readText(given, 'sender') === undefined ? null : readAddress(given, 'sender');
}
