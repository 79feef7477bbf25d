/** Under which key a limit counts what is going on. */
import { createHash } from 'node:crypto';
import {
  addressKey,
  type Connection,
  domainKey,
  type MailAddress,
  type NetworkBits,
  networkOf,
  plainAddress,
  type ReversePath,
} from '@postroad/core';
import type { RateField, RateLimit } from './options.js';

/** What is going on. */
export interface Occasion {
  readonly connection: Connection;
  readonly sender?: ReversePath;
  readonly recipient?: MailAddress;
}

/** Keys of counters are bounded; addresses may be longer than what is left of one. */
const fieldsLengthMax = 300;

/** The key; `undefined` when a field is missing, such as the user of a client that has not logged in. */
export function limitKey(limit: RateLimit, occasion: Occasion, bits: NetworkBits): string | undefined {
  const values: string[] = [];
  for (const field of limit.by) {
    const value = fieldOf(field, occasion, bits);
    if (value === undefined) return undefined;
    values.push(value);
  }
  const text = values.join('|');
  const fields = text.length > fieldsLengthMax ? createHash('sha256').update(text).digest('base64url') : text;
  return `check-rate:${nameOf(limit)}:${fields}`;
}

/** What the limit is called in logs. */
export function nameOf({ name, at, by }: RateLimit): string {
  return name ?? (by.length === 0 ? at : `${at}-by-${by.join('-')}`);
}

function fieldOf(field: RateField, occasion: Occasion, bits: NetworkBits): string | undefined {
  const { connection, sender, recipient } = occasion;
  switch (field) {
    case 'client':
      return plainAddress(connection.remoteAddress);
    case 'network':
      return networkOf(connection.remoteAddress, bits);
    case 'listener':
      return connection.listener;
    case 'helo':
      return connection.helloName.toLowerCase();
    case 'user':
      return connection.identity?.accountId;
    case 'sender':
      return sender === undefined ? undefined : sender === null ? '<>' : addressKey(sender);
    case 'senderDomain':
      return sender === undefined ? undefined : sender === null ? '<>' : domainKey(sender.domain);
    case 'recipient':
      return recipient && addressKey(recipient);
    case 'recipientDomain':
      return recipient && domainKey(recipient.domain);
  }
}
