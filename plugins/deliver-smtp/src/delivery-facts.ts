/** What a delivery says of itself, and of whom it speaks for. Pure. */
import type { QueuedMessage, RecipientOutcome } from '@postroad/core';
import type { Answer } from './client/answer.js';
import type { NamedClient } from './client/name-client.js';
import type { SmtpConnection } from './client/smtp-connection.js';
import type { SmtpRoute } from './session-maker.js';

/** The client of the message, where the next hop is one that is to be told. */
export function clientOf(
  { origin }: QueuedMessage,
  route: SmtpRoute,
  xclientTo: readonly string[],
): NamedClient | undefined {
  if (route.transport === 'mx' || !xclientTo.includes(route.host)) return undefined;
  const { remoteAddress, helloName, protocol } = origin;
  return { address: remoteAddress, helloName, isExtended: protocol.toLowerCase() !== 'smtp' };
}

/**
 * Whether the sender would rather have it delivered than protected (RFC 8689 section 5). REQUIRETLS, which says the
 * opposite, goes before it.
 */
export function isTlsNotRequired({ parameters, body }: QueuedMessage): boolean {
  if (parameters.requireTls) return false;
  const said = body.header.get('TLS-Required');
  return said !== undefined && /^\s*no\s*$/i.test(said);
}

/** How the connection is encrypted, for logs. */
export function tlsFacts(connection: SmtpConnection): string | undefined {
  if (connection.tls === undefined) return undefined;
  const { standardName } = connection.tls.getCipher();
  const version = connection.tls.getProtocol() ?? 'TLS';
  return `${version} ${standardName}${connection.isVerified ? ' verified' : ''}`;
}

/** What an answer means for the queue. */
export function outcomeOf(
  { recipient, status, reply, isQuoted }: Answer,
  { host, address, capabilities }: SmtpConnection,
): RecipientOutcome {
  const isPassedOn = status === 'delivered' && capabilities?.has('DSN') === true;
  return {
    index: recipient.index,
    status,
    reply,
    ...(isQuoted && { remote: { name: host, address } }),
    ...(isPassedOn && { dsnPassedOn: true }),
  };
}
