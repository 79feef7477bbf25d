/** Logging in to a smarthost: AUTH PLAIN (RFC 4616) or LOGIN. */
import { reply } from '@postroad/core';
import { protocolBroken, RemoteError } from './remote-error.js';
import { formatServerReply, type ServerReply } from './reply-parser.js';
import type { SmtpConnection } from './smtp-connection.js';
import type { Timeouts } from './timeouts.js';

/** What logging in depends on. */
export interface LogInOptions {
  readonly plaintextLogin: boolean;
  readonly timeouts: Timeouts;
}

/**
 * Logs in, or throws a `RemoteError`. Every failure is for now: a wrong password of ours is nothing that senders should
 * get their mail back for.
 */
export async function logIn(
  connection: SmtpConnection,
  login: { readonly name: string; readonly password: string },
  options: LogInOptions,
): Promise<void> {
  if (connection.tls === undefined && !options.plaintextLogin)
    throw failed('the login would travel without TLS');
  const offered = connection.capabilities?.words('AUTH').map((word) => word.toUpperCase()) ?? [];
  const { loginMs } = options.timeouts;
  if (offered.includes('PLAIN')) {
    const response = encode(`\0${login.name}\0${login.password}`);
    check(await connection.command(`AUTH PLAIN ${response}`, 'login', loginMs), 235);
    return;
  }
  if (!offered.includes('LOGIN')) throw failed('the server offers no way to log in that is known here');
  check(await connection.command('AUTH LOGIN', 'login', loginMs), 334);
  check(await connection.command(encode(login.name), 'login', loginMs), 334);
  check(await connection.command(encode(login.password), 'login', loginMs), 235);
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}

function check(said: ServerReply, code: number): void {
  if (said.code === code) return;
  if (said.code < 400) throw protocolBroken('login', `the server answers ${said.code} to the login`);
  throw failed(`the server refuses the login: ${formatServerReply(said)}`);
}

function failed(text: string): RemoteError {
  return new RemoteError('login', reply(454, '7.0', text));
}
