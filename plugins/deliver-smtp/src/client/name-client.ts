/** XCLIENT (Postfix's extension): telling a next hop that trusts us whom it would be speaking with. */
import { isIPv6 } from 'node:net';
import { reply } from '@postroad/core';
import { xtext } from './commands.js';
import { RemoteError } from './remote-error.js';
import { replyOf } from './reply-parser.js';
import type { SmtpConnection } from './smtp-connection.js';

/** The client that handed the message in. */
export interface NamedClient {
  readonly address: string;
  readonly helloName: string;
  readonly isExtended: boolean;
}

const unavailable = '[UNAVAILABLE]';

/** Sends what the server offers to take of it; the session begins anew then, so EHLO must follow. `false` without an offer. */
export async function nameClient(
  connection: SmtpConnection,
  client: NamedClient,
  timeoutMs: number,
): Promise<boolean> {
  const offered = connection.capabilities?.words('XCLIENT').map((word) => word.toUpperCase()) ?? [];
  if (!offered.includes('ADDR')) return false;
  const address = isIPv6(client.address) ? `IPV6:${client.address}` : client.address;
  const values: Readonly<Record<string, string>> = {
    // Its name was not proven to us, and the next hop may look for itself.
    NAME: unavailable,
    ADDR: address === '' ? unavailable : address,
    PROTO: client.isExtended ? 'ESMTP' : 'SMTP',
    HELO: client.helloName === '' ? unavailable : xtext(client.helloName),
  };
  const attributes = Object.entries(values).filter(([name]) => offered.includes(name));
  const words = attributes.map(([name, value]) => `${name}=${value}`).join(' ');
  const said = await connection.command(`XCLIENT ${words}`, 'hello', timeoutMs);
  if (said.code === 220) return true;
  if (said.code < 400)
    throw new RemoteError('hello', reply(451, '5.0', `the server answers ${said.code} to XCLIENT`));
  // Not taken is trouble of the set-up between us: nothing that senders should get their mail back for.
  const { detail, text } = replyOf(said);
  throw new RemoteError('hello', reply(451, detail, text), { isQuoted: true });
}
