/** The fields that this server puts in front of a message: Received always, Date and Message-ID on submission. */
import type { Connection } from '../context/connection.js';
import type { Message } from '../context/message.js';
import { formatAddress } from '../values/address.js';
import { formatDate } from '../values/date.js';
import type { HeaderPrefix, NewHeaderField } from '../values/header.js';

/** The trace field (RFC 5321 section 4.4), and on submission what is missing (RFC 6409 section 8). */
export function tracePrefix(message: Message, hostname: string): HeaderPrefix {
  const { connection } = message.transaction;
  const received: NewHeaderField = { name: 'Received', value: receivedValue(message, connection, hostname) };
  if (connection.role !== 'submission' && connection.protocol !== 'code') return [received];
  const prefix = [received];
  const { header } = message.body;
  if (header.get('date') === undefined)
    prefix.push({ name: 'Date', value: formatDate(message.receivedAtMs) });
  if (header.get('message-id') === undefined)
    prefix.push({ name: 'Message-ID', value: `<${message.id}@${hostname}>` });
  return prefix;
}

function receivedValue(message: Message, connection: Connection, hostname: string): string {
  const { recipients } = message.envelope;
  const only = recipients.length === 1 ? recipients[0] : undefined;
  // RFC 5321 section 7.2: with several recipients the clause would tell one of the others.
  const forClause = only === undefined ? '' : `\r\n\tfor <${formatAddress(only.address)}>`;
  const tls =
    connection.tls === undefined ? '' : `\r\n\t(${connection.tls.version} ${connection.tls.cipher})`;
  const by = `by ${hostname} (Postroad) with ${transmissionType(message, connection)} id ${message.id}`;
  return `${fromClause(connection)}${by}${tls}${forClause};\r\n\t${formatDate(message.receivedAtMs)}`;
}

function fromClause(connection: Connection): string {
  if (connection.protocol === 'code') return '';
  const address = connection.remoteAddress.includes(':')
    ? `IPv6:${connection.remoteAddress}`
    : connection.remoteAddress;
  // What the client calls itself goes in only as far as it can't be mistaken for structure.
  const name =
    connection.helloName.replace(/[^\w.\-:[\]\u0080-\u{10ffff}]/gu, '?').slice(0, 255) || 'unknown';
  return `from ${name} ([${address}])\r\n\t`;
}

/** RFC 3848 and RFC 6531 section 4.3. */
function transmissionType(message: Message, connection: Connection): string {
  if (connection.protocol === 'code') return 'local';
  const base = connection.protocol === 'lmtp' ? 'LMTP' : connection.isExtended ? 'ESMTP' : 'SMTP';
  const utf8 = message.envelope.parameters.smtpUtf8 ? `UTF8${base === 'ESMTP' ? 'SMTP' : base}` : base;
  return `${utf8}${connection.tls === undefined ? '' : 'S'}${connection.identity === undefined ? '' : 'A'}`;
}
