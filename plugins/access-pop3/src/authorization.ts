/** Commands of the AUTHORIZATION state: STLS, USER and PASS, AUTH, UTF8, and those of any state. */
import { messageOf } from '@postroad/core';
import { capa, lang, mayStartTls } from './capabilities.js';
import { openMaildrop } from './maildrop.js';
import { decodeResponse, runSasl, type SaslMechanism, type SaslPassword, saslMechanisms } from './sasl.js';
import { type Command, mayLogIn, type Session } from './session.js';
import { tooLong } from './wire.js';

/** By keyword. */
export const authorizationCommands: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['CAPA', capa],
  ['LANG', lang],
  ['STLS', startTls],
  ['USER', user],
  ['PASS', pass],
  ['AUTH', auth],
  ['UTF8', utf8],
  ['QUIT', quit],
]);

/** RFC 2595 section 4: nothing that was said before survives, and nothing that was sent ahead. */
async function startTls(session: Session): Promise<void> {
  if (!mayStartTls(session)) {
    session.wire.write('-ERR TLS is not available\r\n');
    return;
  }
  session.wire.detach('+OK begin TLS\r\n');
  const socket = await session.client.startTls();
  session.wire.attach(socket);
  session.userName = undefined;
  session.isUtf8 = false;
}

function user(session: Session, argument: string): void {
  if (!mayLogIn(session)) {
    refusePlaintext(session);
    return;
  }
  if (argument === '') {
    session.wire.write('-ERR a name is needed\r\n');
    return;
  }
  // Whether there is such a user is not told here.
  session.userName = argument;
  session.wire.write('+OK password?\r\n');
}

async function pass(session: Session, argument: string): Promise<void> {
  if (!mayLogIn(session)) return refusePlaintext(session);
  const login = session.userName;
  if (login === undefined) {
    session.wire.write('-ERR USER comes first\r\n');
    return;
  }
  session.userName = undefined;
  await logIn(session, 'USER', { login, password: argument, authorizationId: '' });
}

/** RFC 5034 section 4. */
async function auth(session: Session, argument: string): Promise<void> {
  const [name = '', initial, ...more] = argument.trim().split(' ');
  if (name === '') {
    // Not in the RFC, but older clients ask for the list like this.
    const names = mayLogIn(session) ? saslMechanisms.map((mechanism) => `${mechanism}\r\n`).join('') : '';
    session.wire.write(`+OK mechanisms follow\r\n${names}.\r\n`);
    return;
  }
  const mechanism = name.toUpperCase() as SaslMechanism;
  if (!saslMechanisms.includes(mechanism) || more.length > 0) {
    session.wire.write('-ERR unknown mechanism\r\n');
    return;
  }
  if (!mayLogIn(session)) return refusePlaintext(session);
  // A lone `=` is an initial response of no octets.
  const first = initial === undefined ? undefined : decodeResponse(initial === '=' ? '' : initial);
  const isBroken = initial !== undefined && first === undefined;
  const shown = isBroken
    ? undefined
    : await runSasl(mechanism, first, (challenge) => ask(session, challenge));
  if (shown === undefined) await fail(session, '-ERR authentication failed\r\n');
  else await logIn(session, mechanism, shown);
}

async function ask(session: Session, challenge: string): Promise<string | undefined> {
  session.wire.write(`+ ${Buffer.from(challenge, 'latin1').toString('base64')}\r\n`);
  const line = await session.wire.nextLine();
  return line === undefined || line === tooLong || line === '*' ? undefined : decodeResponse(line);
}

/** RFC 6856 section 2. */
function utf8(session: Session): void {
  session.isUtf8 = true;
  session.wire.write('+OK UTF8\r\n');
}

function quit(session: Session): void {
  session.isEnding = true;
  session.wire.write('+OK bye\r\n');
}

function refusePlaintext(session: Session): void {
  session.wire.write('-ERR a password needs TLS first\r\n');
}

async function logIn(session: Session, mechanism: string, shown: SaslPassword): Promise<void> {
  const { server, connection, wire } = session;
  const credentials = { kind: 'password', mechanism, ...shown } as const;
  const result = await server.authenticator.authenticate(connection, credentials);
  if (result.status === 'deferred') {
    wire.write('-ERR [SYS/TEMP] try again later\r\n');
    return;
  }
  if (result.status === 'refused') {
    server.log.info('pop3 login refused', {
      connection: connection.id,
      remoteAddress: connection.remoteAddress,
    });
    return fail(session, '-ERR [AUTH] wrong name or password\r\n');
  }
  const { accountId } = result.identity;
  if (!server.locks.acquire(accountId, connection.id)) {
    // RFC 2449 section 8.1.1: the login was right, but it does not count.
    connection.identity = undefined;
    wire.write('-ERR [IN-USE] another session has this mailbox\r\n');
    return;
  }
  try {
    session.maildrop = await openMaildrop(server.store, accountId, server.markSeen);
  } catch (error) {
    server.locks.release(connection.id);
    connection.identity = undefined;
    server.log.error('pop3 inbox can not be opened', {
      connection: connection.id,
      account: accountId,
      error: messageOf(error),
    });
    wire.write('-ERR [SYS/TEMP] the mailbox can not be opened now\r\n');
    return;
  }
  connection.identity = result.identity;
  wire.allowSilence(server.limits.idleTimeoutMs);
  const { messages, octets } = session.maildrop.totals();
  server.log.info('pop3 login', { connection: connection.id, account: accountId, mechanism, messages });
  wire.write(`+OK ${messages} messages (${octets} octets)\r\n`);
}

/** A failure costs time, and after a few the connection. */
async function fail(session: Session, answer: string): Promise<void> {
  const { server, connection, wire } = session;
  const delayMs = server.failures.add(connection.remoteAddress);
  if (delayMs > 0) {
    await wire.flush();
    // Aborted when the client leaves: then nobody waits for the answer.
    await server.clock.sleep(delayMs, connection.signal).catch(() => undefined);
  }
  wire.write(answer);
  if (++session.loginFailures >= server.limits.loginFailuresMax) session.isEnding = true;
}
