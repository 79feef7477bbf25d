/** STARTTLS (RFC 3207). */
import { replies } from './replies.js';
import type { ReceivingSession } from './session.js';

/** Says 220, forgets everything that was read or learnt, and hands the socket over to TLS. */
export function startTls(session: ReceivingSession, argument: string) {
  const { options } = session.shared;
  if (argument !== '') return session.refuse('STARTTLS', replies.syntax);
  if (options.tls !== 'starttls') return session.refuse('STARTTLS', replies.tlsNotOffered);
  if (session.isTls) return session.refuse('STARTTLS', replies.tlsActive);
  session.say(replies.startTls);
  session.beginTls();
}
