/** From a connected socket to a session that is ready for MAIL: greeting, EHLO, TLS, EHLO again, login. */
import { isIP } from 'node:net';
import type { SecureContext } from 'node:tls';
import { type Reply, reply, type TlsaRecord, type TlsPolicy } from '@postroad/core';
import { isDaneMatch } from '../tls/dane.js';
import { certificateFailure } from '../tls/session-result.js';
import { logIn } from './authenticate.js';
import { noCapabilities, parseCapabilities } from './capabilities.js';
import { type NamedClient, nameClient } from './name-client.js';
import { RemoteError } from './remote-error.js';
import { replyOf, type ServerReply } from './reply-parser.js';
import type { SmtpConnection } from './smtp-connection.js';
import type { Timeouts } from './timeouts.js';

/** How a session is opened. */
export interface SessionOptions {
  readonly protocol: 'smtp' | 'lmtp';
  readonly helloName: string;
  /** Whether DNS chose the host, so that it may be ourselves. */
  readonly isStranger: boolean;
  readonly tls: TlsPolicy | 'implicit';
  readonly secureContext: SecureContext;
  /** The name to ask for (SNI). */
  readonly serverName: string;
  /** The names of which the certificate must have one. */
  readonly certificateNames: readonly string[];
  /** The certificate must match one of these instead of being signed by a trusted authority (RFC 7672). */
  readonly tlsa?: readonly TlsaRecord[] | undefined;
  readonly nowMs: number;
  readonly login?: { readonly name: string; readonly password: string } | undefined;
  /** Whom the server is to see instead of us (XCLIENT). */
  readonly client?: NamedClient | undefined;
  /** Passwords without TLS, for next hops on this machine. */
  readonly plaintextLogin: boolean;
  readonly timeouts: Timeouts;
}

/** Opens it; on failure the connection is ended and a `RemoteError` thrown. Resolves with the name in the greeting. */
export async function openSession(connection: SmtpConnection, options: SessionOptions): Promise<void> {
  try {
    if (options.tls === 'implicit') await secure(connection, options);
    refuse('greeting', await connection.reply(options.timeouts.greetingMs), 220);
    await sayHello(connection, options);
    if (options.tls !== 'none' && connection.tls === undefined) await startTls(connection, options);
    if (
      options.client !== undefined &&
      (await nameClient(connection, options.client, options.timeouts.helloMs))
    )
      await sayHello(connection, options);
    if (options.login !== undefined) await logIn(connection, options.login, options);
  } catch (error) {
    // Whatever it was, a session that is half open is of no use to anybody.
    if (error instanceof RemoteError && error.isQuoted) connection.quit();
    connection.end(error);
    throw error;
  }
}

/** The name a server gave itself in its answer to EHLO. */
function ownName(said: ServerReply): string {
  return (said.lines[0] ?? '').split(' ')[0]?.toLowerCase() ?? '';
}

async function sayHello(connection: SmtpConnection, options: SessionOptions): Promise<void> {
  const { helloMs } = options.timeouts;
  const verb = options.protocol === 'lmtp' ? 'LHLO' : 'EHLO';
  const said = await connection.command(`${verb} ${options.helloName}`, 'hello', helloMs);
  // RFC 5321 section 6.3: a server with our own name is most likely ourselves.
  if (options.isStranger && said.code === 250 && ownName(said) === options.helloName.toLowerCase())
    throw new RemoteError('hello', loopReply);
  connection.capabilities = parseCapabilities(said.lines);
  // RFC 5321 section 3.2: an old server knows only HELO.
  if (said.code >= 500 && said.code !== 521 && options.protocol === 'smtp' && connection.tls === undefined) {
    refuse('hello', await connection.command(`HELO ${options.helloName}`, 'hello', helloMs), 250);
    connection.capabilities = noCapabilities;
    return;
  }
  refuse('hello', said, 250);
}

/** RFC 3207; what happens without TLS is the policy's choice, and never silently another one. */
async function startTls(connection: SmtpConnection, options: SessionOptions): Promise<void> {
  const isNeeded = options.tls !== 'opportunistic';
  if (connection.capabilities?.has('STARTTLS') !== true) {
    if (isNeeded)
      throw new RemoteError('tls', reply(451, '7.4', 'the server does not offer TLS, which is required'), {
        tlsFailure: 'starttls-not-supported',
      });
    return;
  }
  const said = await connection.command('STARTTLS', 'tls', options.timeouts.tlsMs);
  if (said.code !== 220) {
    if (isNeeded)
      throw new RemoteError('tls', reply(451, '7.4', 'the server refuses TLS, which is required'), {
        tlsFailure: 'starttls-not-supported',
      });
    return;
  }
  await secure(connection, options);
  // RFC 3207 section 4.2: what was learnt before is forgotten.
  await sayHello(connection, options);
}

async function secure(connection: SmtpConnection, options: SessionOptions): Promise<void> {
  const { serverName, tlsa, certificateNames } = options;
  await connection.secure(
    {
      secureContext: options.secureContext,
      host: serverName,
      // RFC 6066 section 3: no addresses as server names.
      ...(isName(serverName) && { servername: serverName }),
    },
    options.timeouts.tlsMs,
  );
  if (tlsa !== undefined) {
    const certificate = connection.tls?.getPeerX509Certificate();
    connection.isVerified =
      certificate !== undefined && isDaneMatch(certificate, tlsa, certificateNames, options.nowMs);
  }
  if (options.tls === 'verified' && !connection.isVerified)
    throw new RemoteError('tls', reply(451, '7.5', 'the certificate of the server can not be verified'), {
      cause: connection.tls?.authorizationError,
      tlsFailure:
        tlsa === undefined ? certificateFailure(connection.tls?.authorizationError) : 'validation-failure',
    });
}

function isName(host: string): boolean {
  return isIP(host) === 0 && !host.startsWith('[') && !host.startsWith('/');
}

/** Throws what the server said unless it is the code that goes on. */
function refuse(step: 'greeting' | 'hello', said: ServerReply, code: number): void {
  if (said.code === code) return;
  if (said.code < 400)
    throw new RemoteError(step, reply(451, '5.0', `the server answers ${said.code} out of turn`));
  throw new RemoteError(step, replyOf(said), { isQuoted: true });
}

const loopReply: Reply = reply(554, '4.6', 'the message would come back to this server');
