/** What is known of an encrypted socket. */
import type { TLSSocket } from 'node:tls';
import type { TlsFacts } from '../context/connection.js';

/** Protocol, cipher and server name as plugins and trace fields see them. */
export function tlsFactsOf(socket: TLSSocket): TlsFacts {
  const serverName: unknown = Reflect.get(socket, 'servername');
  return {
    version: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher()?.standardName ?? 'unknown',
    ...(typeof serverName === 'string' && serverName !== '' ? { serverName } : {}),
  };
}
