/** What a TLS connection gives a login to hold on to: channel bindings, and the certificate that the client showed. */
import { createHash, type X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { ChannelBindingType, ConnectionState, TlsChannel, TlsFacts } from '../context/connection.js';
import type { ClientCertificate } from '../values/identity.js';
import { signatureHashOf } from './signature-hash.js';

/** Notes on a connection that it is encrypted now. `clientOf` says whether the client's certificate is trusted. */
export function noteTls(
  connection: ConnectionState,
  socket: TLSSocket,
  clientOf: (certificate: X509Certificate) => ClientCertificate | undefined = () => undefined,
): void {
  connection.tls = tlsFactsOf(socket);
  const shown = socket.getPeerX509Certificate?.();
  connection.channel = channelOf(socket, shown === undefined ? undefined : clientOf(shown));
}

/** The facts of an encrypted socket. */
export function tlsFactsOf(socket: TLSSocket): TlsFacts {
  const serverName = (socket as unknown as { servername?: string | false }).servername;
  return {
    version: socket.getProtocol() ?? 'TLS',
    cipher: socket.getCipher().standardName ?? socket.getCipher().name,
    ...(typeof serverName === 'string' ? { serverName } : {}),
  };
}

function channelOf(socket: TLSSocket, clientCertificate: ClientCertificate | undefined): TlsChannel {
  const known = new Map<ChannelBindingType, Uint8Array | undefined>();
  return {
    clientCertificate,
    binding(type) {
      if (!known.has(type))
        known.set(type, type === 'tls-exporter' ? exporterOf(socket) : endPointOf(socket));
      return known.get(type);
    },
  };
}

/**
 * RFC 9266 section 4.2: on TLS 1.2 it needs the extended master secret, and Node.js does not tell whether there is one.
 * TLS 1.3 always has what it takes.
 */
function exporterOf(socket: TLSSocket): Uint8Array | undefined {
  if (socket.destroyed || socket.getProtocol() !== 'TLSv1.3') return undefined;
  return socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
}

/** RFC 5929 section 4.1: the digest of the certificate that this very handshake has used. */
function endPointOf(socket: TLSSocket): Uint8Array | undefined {
  if (socket.destroyed) return undefined;
  const certificate = socket.getX509Certificate?.();
  const hash = certificate === undefined ? undefined : signatureHashOf(certificate.raw);
  return certificate === undefined || hash === undefined
    ? undefined
    : createHash(hash).update(certificate.raw).digest();
}
