/** STARTTLS (RFC 3207). */
import type { TLSSocket } from 'node:tls';
import type { Conversation } from './conversation.js';
import { replies } from './replies.js';

/** Says 220, forgets everything that was read or learnt, and hands the socket over to TLS. */
export function startTls(session: Conversation, argument: string) {
  const { options } = session.shared;
  if (argument !== '') return session.refuse('STARTTLS', replies.syntax);
  if (options.tls !== 'starttls') return session.refuse('STARTTLS', replies.tlsNotOffered);
  if (session.isTls) return session.refuse('STARTTLS', replies.tlsActive);
  session.say(replies.startTls);
  // RFC 3207 section 4.2: nothing that was read or learnt before TLS is known behind it.
  session.letGo();
  session.endTransaction();
  session.peer.helloName = '';
  session.peer.isExtended = false;
  session.peer.identity = undefined;
  session.times.begin('tls', session.shared.nowMs);
  session.ask(session.client.startTls(), upgraded, (failed) => failed.destroy());
}

/** The handshake is done: the session goes on with the encrypted socket. */
function upgraded(session: Conversation, socket: TLSSocket): void {
  if (session.isGone) socket.destroy();
  else session.adopt(socket);
}
