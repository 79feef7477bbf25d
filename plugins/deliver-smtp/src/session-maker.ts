/** From addresses to a session that is ready for MAIL, or to the trouble that stood in the way. */
import type { HostRoute, MxRoute, TlsPolicy } from '@postroad/core';
import type { Candidate, Candidates } from './candidates.js';
import { abortable } from './client/abortable.js';
import { dial } from './client/dial.js';
import type { NamedClient } from './client/name-client.js';
import { openSession } from './client/open-session.js';
import { RemoteError } from './client/remote-error.js';
import { SmtpConnection } from './client/smtp-connection.js';
import type { Deliverer } from './deliverer.js';
import type { Opened, Trouble } from './opened.js';

/** The routes that this plugin knows. */
export type SmtpRoute = MxRoute | HostRoute;

/** What all sessions of one delivery share. */
export interface SessionMakerOptions {
  readonly deliverer: Deliverer;
  readonly route: SmtpRoute;
  readonly helloName: string;
  readonly sourceAddress: string | undefined;
  /** Whom a next hop that trusts us is told of. */
  readonly client: NamedClient | undefined;
  readonly signal: AbortSignal;
  /** Told what was said in a session that could not be opened. */
  tell(lines: readonly string[]): void;
}

/**
 * Connects to the first of the candidates that answers and opens a session there; `undefined` when there is none left.
 * Rejects when the signal aborts.
 */
export async function makeSession(
  options: SessionMakerOptions,
  candidates: Pick<Candidates, 'next' | 'putBack'>,
): Promise<Opened | undefined> {
  const { deliverer, signal } = options;
  let connected: { readonly connection: SmtpConnection; readonly candidate: Candidate } | undefined;
  try {
    connected = await connect(options, candidates);
    if (connected === undefined) return undefined;
    const { connection, candidate } = connected;
    await abortable(signal, connection, () => openSession(connection, sessionOptions(options, candidate)));
    return connected;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof RemoteError)) throw error;
    const candidate = connected?.candidate;
    options.tell(saidBy(connected?.connection, error));
    if (error.step === 'tls' && candidate?.security.tls === 'opportunistic') {
      const { target, address, security } = candidate;
      // RFC 7435: where nobody asked for TLS, a broken one must not cost the mail.
      deliverer.log.info('TLS failed, going on without', { host: target.host, address, error });
      return await makeSession(options, only({ ...candidate, security: { ...security, tls: 'none' } }));
    }
    deliverer.log.debug('no session', { host: candidate?.target.host, address: candidate?.address, error });
    return { trouble: troubleOf(error, connected?.connection), candidate };
  }
}

function only(candidate: Candidate): Pick<Candidates, 'next' | 'putBack'> {
  let left: Candidate | undefined = candidate;
  return {
    async next() {
      const one = left;
      left = undefined;
      return one;
    },
    putBack() {},
  };
}

async function connect(
  { deliverer, sourceAddress, signal }: SessionMakerOptions,
  candidates: Pick<Candidates, 'next' | 'putBack'>,
): Promise<{ readonly connection: SmtpConnection; readonly candidate: Candidate } | undefined> {
  const { clock, config, reachability, counters } = deliverer;
  const dialled = await dial({
    next: (isLast) => candidates.next(isLast),
    putBack: (left) => candidates.putBack(left),
    sourceAddress,
    connectMs: config.timeouts.connectMs,
    clock,
    signal,
    onUnreachable: ({ address }) => reachability.failed(address),
    onSlow: ({ address }) => reachability.slow(address),
  });
  if (dialled === undefined) return undefined;
  const { socket, endpoint: candidate } = dialled;
  const { address, target } = candidate;
  reachability.reached(address);
  counters.opened.increase();
  return { connection: new SmtpConnection({ socket, address, host: target.host, clock }), candidate };
}

function sessionOptions(options: SessionMakerOptions, { target, security }: Candidate) {
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

function saidBy(connection: SmtpConnection | undefined, error: RemoteError): readonly string[] {
  if (connection === undefined) return [`* ${error.message}`];
  return [`* connected to ${connection.host} [${connection.address}]`, ...connection.transcript.lines()];
}
