/** Takes a PROXY header off a fresh socket, before TLS and before any protocol. */
import type { Socket } from 'node:net';
import { MailError } from '../errors.js';
import type { Clock } from './clock.js';
import { type ProxyHeader, parseProxyHeader } from './proxy-header.js';

/** How long a proxy may take for its header: it sends it at once. */
const headerTimeoutMs = 10_000;

/**
 * Reads the header and leaves what follows in the socket. Rejects with `E_LISTEN` when there is none, when it does not
 * come in time or when the proxy goes away: a proxy that is listed must send one, or a client could pretend.
 */
export function readProxyHeader(socket: Socket, clock: Clock): Promise<ProxyHeader> {
  return new Promise((resolve, reject) => {
    let octets: Buffer = Buffer.alloc(0);
    const timer = clock.after(headerTimeoutMs, () => settle(undefined, 'took too long'));
    const settle = (header: ProxyHeader | undefined, reason: string): void => {
      timer.cancel();
      socket.off('readable', read);
      socket.off('end', ended);
      socket.off('close', ended);
      if (header !== undefined) resolve(header);
      else reject(new MailError('E_LISTEN', `the PROXY header ${reason}`));
    };
    const ended = (): void => settle(undefined, 'did not come');
    const read = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      octets = Buffer.concat([octets, chunk]);
      const header = parseProxyHeader(octets);
      if (header === 'more') return;
      if (header === 'bad') {
        settle(undefined, 'can not be understood');
        return;
      }
      settle(header, '');
      const rest = octets.subarray(header.length);
      if (rest.length > 0) socket.unshift(rest);
    };
    socket.on('readable', read);
    socket.once('end', ended);
    socket.once('close', ended);
  });
}
