/** TLS for everything that listens: one certificate per process or per server name, swapped when the files change. */
import type { SecureContext } from 'node:tls';
import { token } from '../di/token.js';

/** Certificates. */
export interface Certificates {
  /** The context for a server name asked for by SNI; the default one when the name is absent or unknown. */
  context(serverName?: string): SecureContext;
  /** Whether there is any certificate: without one no listener can offer TLS. */
  readonly isAvailable: boolean;
}

/** The token of the certificates. */
export const Certificates = token<Certificates>('core.certificates');
