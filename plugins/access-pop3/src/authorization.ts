/** Commands of the AUTHORIZATION state: STLS, USER and PASS, AUTH, UTF8, and those of any state. */
import {
  type AuthenticationResult,
  decodeInitialResponse,
  decodeResponse,
  encodeChallenge,
  messageOf,
  type SaslExchange,
} from '@postroad/core';
import { capa, lang, mayStartTls } from './capabilities.js';
import { openMaildrop } from './maildrop.js';
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
  const credentials = { kind: 'password', mechanism: 'USER', login, password: argument } as const;
  const { authenticator } = session.server;
  const given = { ...credentials, authorizationId: '' };
  await enter(session, 'USER', await authenticator.authenticate(session.connection, given));
}

/** RFC 5034 section 4. */
async function auth(session: Session, argument: string): Promise<void> {
  const { server, connection } = session;
  const [name = '', initial, ...more] = argument.trim().split(' ');
  if (name === '') {
    // Not in the RFC, but older clients ask for the list like this.
    const names = server.authenticator.mechanisms(connection).map((mechanism) => `${mechanism}\r\n`);
    session.wire.write(`+OK mechanisms follow\r\n${names.join('')}.\r\n`);
    return;
  }
  if (!mayLogIn(session)) return refusePlaintext(session);
  const exchange = more.length > 0 ? undefined : server.authenticator.start(connection, name);
  if (exchange === undefined) {
    session.wire.write('-ERR unknown mechanism\r\n');
    return;
  }
  const first = initial === undefined ? undefined : decodeInitialResponse(initial);
  const isBroken = initial !== undefined && first === undefined;
  const result = isBroken ? undefined : await converse(session, exchange, first);
  if (result === undefined) await fail(session, '-ERR authentication failed\r\n');
  else await enter(session, exchange.mechanism, result);
}

/** Goes back and forth until the outcome; `undefined` is a broken or cancelled exchange. */
async function converse(
  session: Session,
  exchange: SaslExchange,
  initial: Uint8Array | undefined,
): Promise<AuthenticationResult | undefined> {
  let step = await exchange.step(initial);
  while (step.status === 'challenge') {
    session.wire.write(`+ ${encodeChallenge(step.challenge)}\r\n`);
    const line = await session.wire.nextLine();
    if (line === undefined || line === tooLong || line === '*') return undefined;
    const response = decodeResponse(line);
    if (response === undefined) return undefined;
    step = await exchange.step(response);
  }
  return step.status === 'malformed' ? undefined : step;
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

/** What follows an outcome: the maildrop is opened, or the client waits. */
async function enter(session: Session, mechanism: string, result: AuthenticationResult): Promise<void> {
  const { server, connection, wire } = session;
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
  const delayMs = server.failures.add(connection.remoteAddress, server.limits.loginFailureDelayMs);
  if (delayMs > 0) {
    await wire.flush();
    // Aborted when the client leaves: then nobody waits for the answer.
    await server.clock.sleep(delayMs, connection.signal).catch(() => undefined);
  }
  wire.write(answer);
  if (++session.loginFailures >= server.limits.loginFailuresMax) session.isEnding = true;
}
