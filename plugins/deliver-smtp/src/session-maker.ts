/** From addresses to a session that is ready for MAIL, or to the trouble that stood in the way. */
import type { HostRoute, MxRoute, Reply, TlsPolicy } from '@postroad/core';
import { abortable } from './client/abortable.js';
import { dial } from './client/dial.js';
import type { NamedClient } from './client/name-client.js';
import { openSession } from './client/open-session.js';
import { RemoteError } from './client/remote-error.js';
import { SmtpConnection } from './client/smtp-connection.js';
import type { Deliverer } from './deliverer.js';
import type { Target } from './targets.js';
import type { Security } from './tls/security.js';

/** The routes that this plugin knows. */
export type SmtpRoute = MxRoute | HostRoute;

/** Why recipients could not be sent to a host. */
export interface Trouble {
  readonly status: 'deferred' | 'failed';
  readonly reply: Reply;
  readonly remote?: { readonly name: string; readonly address: string } | undefined;
  /** What went wrong with TLS (RFC 8460). */
  readonly tlsFailure?: string | undefined;
}

/** What all sessions of one delivery share. */
export interface SessionMakerOptions {
  readonly deliverer: Deliverer;
  readonly route: SmtpRoute;
  readonly helloName: string;
  readonly sourceAddress: string | undefined;
  /** Whom a next hop that trusts us is told of. */
  readonly client: NamedClient | undefined;
  readonly signal: AbortSignal;
}

/** A session, or trouble; `address` is the one that answered. */
export type Opened =
  | { readonly connection: SmtpConnection }
  | { readonly trouble: Trouble; readonly address: string | undefined };

/** Connects to the first of the addresses that answers and opens a session there. Rejects when the signal aborts. */
export async function makeSession(
  options: SessionMakerOptions,
  target: Target,
  addresses: readonly string[],
  security: Security,
): Promise<Opened> {
  const { deliverer, signal } = options;
  let connection: SmtpConnection | undefined;
  try {
    connection = await connect(options, target, addresses);
    const opening = connection;
    await abortable(signal, opening, () => openSession(opening, sessionOptions(options, target, security)));
    return { connection };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof RemoteError)) throw error;
    const address = connection?.address;
    if (error.step === 'tls' && security.tls === 'opportunistic' && address !== undefined) {
      // RFC 7435: where nobody asked for TLS, a broken one must not cost the mail.
      deliverer.log.info('TLS failed, going on without', { host: target.host, address, error });
      return await makeSession(options, target, [address], { ...security, tls: 'none' });
    }
    deliverer.log.debug('no session', { host: target.host, address, error });
    return { trouble: troubleOf(error, connection), address };
  }
}

async function connect(
  { deliverer, sourceAddress, signal }: SessionMakerOptions,
  target: Target,
  addresses: readonly string[],
): Promise<SmtpConnection> {
  const { clock, config, reachability, counters } = deliverer;
  const { socket, address } = await dial({
    addresses,
    port: target.port,
    sourceAddress,
    connectMs: config.timeouts.connectMs,
    clock,
    signal,
    onUnreachable: (failed) => reachability.failed(failed),
  });
  reachability.reached(address);
  counters.opened.increase();
  return new SmtpConnection({ socket, address, host: target.host, clock });
}

function sessionOptions(options: SessionMakerOptions, target: Target, security: Security) {
  const { deliverer, route, helloName, client } = options;
  const { secureContext, config, clock } = deliverer;
  const { login, password } = route.transport === 'mx' ? {} : route;
  const tls: TlsPolicy | 'implicit' = security.tls;
  return {
    protocol: route.transport === 'lmtp' ? ('lmtp' as const) : ('smtp' as const),
    helloName,
    isStranger: target.isForeign,
    tls,
    tlsa: security.tlsa,
    secureContext,
    serverName: target.host,
    certificateNames: security.names,
    login: login === undefined ? undefined : { name: login, password: password ?? '' },
    client,
    plaintextLogin: config.plaintextLogin,
    timeouts: config.timeouts,
    nowMs: clock.now(),
  };
}

function troubleOf(error: RemoteError, connection: SmtpConnection | undefined): Trouble {
  const status = error.reply.code >= 500 ? 'failed' : 'deferred';
  const { tlsFailure } = error;
  if (!error.isQuoted || connection === undefined) return { status, reply: error.reply, tlsFailure };
  const remote = { name: connection.host, address: connection.address };
  return { status, reply: error.reply, remote, tlsFailure };
}
