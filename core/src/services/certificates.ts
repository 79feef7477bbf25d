/** TLS for everything that listens: one certificate per process or per server name, swapped when the files change. */
import type { SecureContext } from 'node:tls';
import { token } from '../di/token.js';

/** Certificates. */
export interface Certificates {
  /** The context for a server name asked for by SNI; the default one when the name is absent or unknown. */
  context(serverName?: string): SecureContext;
  /**
   * What proves a name to an ACME server that asks for it with the protocol `acme-tls/1` (RFC 8737). When it is there,
   * listeners with TLS from the first octet show it to who asks so, and to nobody else. There is one for each kind of key
   * that certificates here have, because OpenSSL replaces only what is of the same kind; none for names that are not being
   * proven. The name comes from a stranger.
   */
  proof?(serverName: string): readonly SecureContext[];
  /** Whether there is any certificate: without one no listener can offer TLS. */
  readonly isAvailable: boolean;
}

/** The token of the certificates. */
export const Certificates = token<Certificates>('core.certificates');
