/** One accepted socket: its context, its encryption, its end. */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { ConnectionState } from '../context/connection.js';
import { MailError } from '../errors.js';
import { answerProofs, isProof } from './acme-proof.js';
import type { Certificates } from './certificates.js';
import type { ClientAuthorities } from './client-certificates.js';
import type { Clock } from './clock.js';
import type { ClientSocket, ListenOptions } from './listeners.js';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';
import type { ProxyHeader } from './proxy-header.js';
import type { Random } from './random.js';
import { readProxyHeader } from './read-proxy-header.js';
import type { SessionTickets } from './session-tickets.js';
import { noteTls } from './tls-channel.js';

/** How long a client may take for its handshake. */
const handshakeTimeoutMs = 30_000;

/** What serving needs. */
export interface ServeServices {
  readonly certificates: Certificates;
  /** Whose certificates clients may log in with; nobody's when absent. */
  readonly clientAuthorities?: ClientAuthorities;
  /** Which keys of session tickets all contexts have; each has its own when absent. */
  readonly sessionTickets?: SessionTickets;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Makes the connection's context and hands it to who serves it; a failure there destroys the socket and is logged. */
export async function serveSocket(
  socket: Socket,
  options: ListenOptions,
  signal: AbortSignal,
  services: ServeServices,
): Promise<void> {
  let log = services.log.child({ listener: options.name });
  socket.on('error', (error) => log.debug('socket failed', { error }));
  try {
    const isProxied = options.isProxy?.(plainAddress(socket.remoteAddress)) === true;
    const header = isProxied ? await readProxyHeader(socket, services.clock) : undefined;
    const connection = connectionOf(socket, options, services, header);
    log = log.child({ connection: connection.id });
    socket.once('close', () => connection.close());
    const client = await clientOf(socket, connection, options, services);
    await options.serve(client, signal);
  } catch (error) {
    log.info('connection failed', { remoteAddress: plainAddress(socket.remoteAddress), error });
    socket.destroy();
  }
}

async function clientOf(
  socket: Socket,
  connection: ConnectionState,
  options: ListenOptions,
  services: ServeServices,
): Promise<ClientSocket> {
  const startTls = () => encrypt(socket, connection, options, services);
  return { socket: options.tls === 'implicit' ? await startTls() : socket, connection, startTls };
}

function connectionOf(
  socket: Socket,
  options: ListenOptions,
  services: ServeServices,
  header: ProxyHeader | undefined,
): ConnectionState {
  return new ConnectionState({
    id: services.random.id(),
    protocol: options.protocol,
    role: options.role,
    listener: options.name,
    remoteAddress: header?.source?.address ?? plainAddress(socket.remoteAddress),
    remotePort: header?.source?.port ?? socket.remotePort ?? 0,
    localAddress: header?.destination?.address ?? plainAddress(socket.localAddress),
    localPort: header?.destination?.port ?? socket.localPort ?? 0,
    openedAtMs: services.clock.now(),
  });
}

/** An IPv4 address that came over an IPv6 socket is written as IPv4. */
function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/, '');
}

function encrypt(
  socket: Socket,
  connection: ConnectionState,
  { tls }: ListenOptions,
  services: ServeServices,
): Promise<TLSSocket> {
  const { certificates, clientAuthorities, sessionTickets, clock } = services;
  if (!certificates.isAvailable) throw new MailError('E_TLS', 'there is no certificate to offer TLS with');
  const contextFor = (name?: string) => {
    const context = certificates.context(name);
    sessionTickets?.prepare(context);
    return context;
  };
  let secured: TLSSocket;
  // STARTTLS is not what RFC 8737 section 3 speaks of.
  const proofs =
    tls === 'implicit' && certificates.proof !== undefined
      ? answerProofs(certificates.proof, connection.protocol, () => secured)
      : undefined;
  return new Promise((resolve, reject) => {
    secured = new TLSSocket(socket, {
      isServer: true,
      secureContext: contextFor(),
      SNICallback: (name, answer) => answer(null, proofs?.chosen() ?? contextFor(name)),
      ...proofs?.options,
      // Other servers on port 25 have certificates too, but no account here. Who is believed is decided afterwards: a
      // certificate that is not takes nobody's mail away.
      requestCert: clientAuthorities?.isAsking === true && connection.role !== 'relay',
      rejectUnauthorized: false,
    });
    const timer = clock.after(handshakeTimeoutMs, () =>
      fail(new MailError('E_TLS', 'the TLS handshake took too long')),
    );
    const fail = (error: Error) => {
      timer.cancel();
      secured.destroy();
      reject(error);
    };
    const onClose = () => fail(new MailError('E_TLS', 'the client closed during the TLS handshake'));
    secured.on('error', (error) => {
      services.log.debug('TLS failed', { connection: connection.id, error });
      fail(error);
    });
    secured.once('close', onClose);
    secured.once('secure', () => {
      timer.cancel();
      secured.off('close', onClose);
      if (isProof(secured)) {
        secured.once('close', () => reject(new MailError('E_TLS', 'it was the proof of a name for ACME')));
        secured.end();
        return;
      }
      noteTls(connection, secured, (certificate) => clientAuthorities?.read(certificate));
      resolve(secured);
    });
  });
}
