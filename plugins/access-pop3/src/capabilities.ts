/** CAPA (RFC 2449) and LANG (RFC 6856): what holds in both states. */
import { mayLogIn, type Session } from './session.js';

/** CAPA: only what works at this moment. */
export function capa(session: Session): void {
  const isLoggedIn = session.maildrop !== undefined;
  const lines = [
    'TOP',
    'UIDL',
    'PIPELINING',
    'RESP-CODES',
    'AUTH-RESP-CODE',
    'EXPIRE NEVER',
    'UTF8 USER',
    'LANG',
  ];
  if (mayLogIn(session)) {
    const mechanisms = session.server.authenticator.mechanisms(session.connection);
    lines.push('USER', `SASL ${mechanisms.join(' ')}`);
  }
  if (!isLoggedIn && mayStartTls(session)) lines.push('STLS');
  lines.push('IMPLEMENTATION Postroad');
  session.wire.write(`+OK capabilities follow\r\n${lines.join('\r\n')}\r\n.\r\n`);
}

/** Whether STLS is there (RFC 2595 section 4): not when the connection is encrypted already. */
export function mayStartTls(session: Session): boolean {
  return session.port.hasStartTls && session.connection.tls === undefined;
}

/** LANG (RFC 6856 section 3): our answers are in English, which is the default language too. */
export function lang(session: Session, argument: string): void {
  const tag = argument.trim().toLowerCase();
  if (tag === '') {
    session.wire.write('+OK languages follow\r\ni-default English\r\nen English\r\n.\r\n');
  } else if (tag === '*' || tag === 'i-default') {
    session.wire.write('+OK i-default English\r\n');
  } else if (tag === 'en' || tag.startsWith('en-')) {
    session.wire.write('+OK en English\r\n');
  } else {
    session.wire.write('-ERR no such language\r\n');
  }
}
