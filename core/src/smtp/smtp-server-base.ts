/**
 * The one importer of `smtp-server`. What we use of it: the connection's construction (addresses, identity, no Nagle),
 * its closing with a bounded half-close, and its error event. Everything that reads or writes the protocol is replaced
 * by our session; `smtp-server-base.test.ts` pins what we rely on.
 */
import { SMTPServer } from 'smtp-server';
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js';

export { SMTPConnection as BaseConnection };

/** What a connection of `smtp-server` belongs to. */
export type ConnectionHost = SMTPServer;

/** A server object that never listens: sockets come from our own listeners. */
export function createConnectionHost(hostname: string): ConnectionHost {
  // STARTTLS is ours, so no certificate is wanted; `logger: false` keeps it from warning about its built-in one.
  return new SMTPServer({ name: hostname, logger: false, disabledCommands: ['STARTTLS', 'AUTH'] });
}
