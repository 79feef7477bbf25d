/** What rspamd is told about a message besides the message: the header fields of its HTTP protocol. */
import { formatAddress, formatReversePath, type Message } from '@postroad/core';
import type { CheckRspamdConfig } from './config.js';

/** The fields of a request. `clientName` is the client's name in DNS, if it has one. */
export function requestFields(
  message: Message,
  clientName: string | undefined,
  hostname: string,
  config: CheckRspamdConfig,
): Readonly<Record<string, string | string[]>> {
  const { envelope, transaction } = message;
  const { connection } = transaction;
  const { tls, identity } = connection;
  const recipients = envelope.recipients.map(({ address }) => clean(formatAddress(address)));
  const [only] = recipients.length === 1 ? recipients : [];
  const isNetwork = connection.protocol !== 'code';
  return defined({
    'content-length': String(message.body.sizeBytes),
    'user-agent': 'postroad',
    'queue-id': message.id,
    'mta-name': clean(hostname),
    'mta-tag': clean(connection.listener),
    ip: isNetwork ? connection.remoteAddress : undefined,
    helo: isNetwork && connection.helloName !== '' ? clean(connection.helloName) : undefined,
    hostname: clientName === undefined ? undefined : clean(clientName),
    // The null reverse-path is said as such, so that rspamd knows it.
    from: clean(envelope.reversePath === null ? '<>' : formatReversePath(envelope.reversePath)),
    rcpt: recipients,
    'deliver-to': only,
    user: identity === undefined ? undefined : clean(identity.login),
    'tls-version': tls === undefined ? undefined : clean(tls.version),
    'tls-cipher': tls === undefined ? undefined : clean(tls.cipher),
    password: config.password,
    'settings-id': config.settingsId,
    pass: config.passAll ? 'all' : undefined,
    flags: config.rewrite ? 'body_block' : undefined,
  });
}

/** One line of octets: UTF-8 is sent as it is, and nothing ends the field. */
function clean(text: string): string {
  return Buffer.from(text.replace(/[\u0000-\u001f\u007f]+/g, ' '), 'utf8').toString('latin1');
}

function defined(
  fields: Readonly<Record<string, string | string[] | undefined>>,
): Readonly<Record<string, string | string[]>> {
  const kept = Object.entries(fields).filter(
    (entry): entry is [string, string | string[]] => entry[1] !== undefined,
  );
  return Object.fromEntries(kept);
}
