/** LOGIN, AUTHENTICATE and STARTTLS (RFC 9051 sections 6.2.1 to 6.2.3, RFC 4616, RFC 4959). */
import type { PasswordCredentials } from '@postroad/core';
import { type AuthenticateCommand, isAscii, type LoginCommand, textOf } from '../protocol/index.js';
import { capabilities } from './capabilities.js';
import { bad, formatOutcome, no, type Outcome, ok } from './outcome.js';
import type { Session } from './session.js';

/** LOGIN. */
export function logIn(session: Session, command: LoginCommand): Promise<Outcome> | Outcome {
  if (!session.mayLogIn) return no('a password needs TLS first', 'PRIVACYREQUIRED');
  return check(session, 'LOGIN', command.login, command.password, '');
}

/** AUTHENTICATE. */
export async function authenticate(session: Session, command: AuthenticateCommand): Promise<Outcome> {
  if (command.mechanism !== 'PLAIN' && command.mechanism !== 'LOGIN') {
    return no('the mechanism is not supported', 'CANNOT');
  }
  if (!session.mayLogIn) return no('a password needs TLS first', 'PRIVACYREQUIRED');
  return command.mechanism === 'PLAIN'
    ? authenticatePlain(session, command.initialResponse)
    : authenticateLogin(session, command.initialResponse);
}

/** STARTTLS: whatever the client sent ahead is dropped, and it must ask for everything anew. */
export async function startTls(session: Session, tag: string): Promise<Outcome | undefined> {
  if (!session.mayStartTls) return bad('TLS is not available');
  session.wire.output.write(formatOutcome(tag, ok('begin TLS negotiation')));
  try {
    await session.wire.startTls();
  } catch (error) {
    // A handshake that fails is the client's business, and the end of the connection.
    session.server.log.debug('imap TLS failed', { connection: session.connection.id, error });
    session.isOver = true;
    session.wire.destroy();
  }
  return undefined;
}

async function authenticatePlain(session: Session, initial: string | undefined): Promise<Outcome> {
  const answer = initial === undefined ? await ask(session, '') : decodeResponse(initial);
  if (answer === undefined) return bad('authentication cancelled');
  // RFC 4616 section 2: [authzid] NUL authcid NUL passwd.
  const pieces = answer.split('\0');
  const [authorizationId, login, password] = pieces;
  if (pieces.length !== 3 || authorizationId === undefined || !login || !password) {
    return fail(session, bad('the response is not valid'));
  }
  return check(session, 'PLAIN', textOfSecret(login), textOfSecret(password), textOfSecret(authorizationId));
}

async function authenticateLogin(session: Session, initial: string | undefined): Promise<Outcome> {
  const login = initial === undefined ? await ask(session, 'Username:') : decodeResponse(initial);
  if (login === undefined) return bad('authentication cancelled');
  const password = await ask(session, 'Password:');
  if (password === undefined) return bad('authentication cancelled');
  return check(session, 'LOGIN', textOfSecret(login), textOfSecret(password), '');
}

/** Asks for one response; `undefined` when the client cancels, sends no base64, or is gone. */
async function ask(session: Session, challenge: string): Promise<string | undefined> {
  session.wire.output.write(`+ ${Buffer.from(challenge, 'latin1').toString('base64')}\r\n`);
  session.wire.reader.expectLine();
  const event = await session.wire.next();
  if (event?.kind !== 'line') {
    session.isOver = true;
    return undefined;
  }
  return event.octets === '*' ? undefined : decodeResponse(event.octets);
}

function decodeResponse(base64: string): string | undefined {
  // RFC 4959 section 3: `=` is a response of no octets.
  if (base64 === '=') return '';
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(base64)) return undefined;
  return Buffer.from(base64, 'base64').toString('latin1');
}

function textOfSecret(octets: string): string {
  return isAscii(octets) ? octets : (textOf(octets) ?? octets);
}

async function check(
  session: Session,
  mechanism: string,
  login: string,
  password: string,
  authorizationId: string,
): Promise<Outcome> {
  const credentials: PasswordCredentials = { kind: 'password', mechanism, login, password, authorizationId };
  const result = await session.server.authenticator.authenticate(session.connection, credentials);
  if (result.status === 'deferred') return no('try again later', 'UNAVAILABLE');
  if (result.status === 'refused') return fail(session, no('wrong name or password', 'AUTHENTICATIONFAILED'));
  const { accountId } = result.identity;
  const { counts, limits } = session.server;
  if (!counts.add(`account ${accountId}`, limits.connectionsPerAccountMax)) {
    return no('too many connections of this account', 'LIMIT');
  }
  session.connection.identity = result.identity;
  session.accountId = accountId;
  session.widenLimits();
  session.server.log.info('imap login', { connection: session.connection.id, account: accountId, mechanism });
  return ok('logged in', `CAPABILITY ${capabilities(session)}`);
}

/** A wrong password costs time, more with each from that address, and after a few the connection. */
async function fail(session: Session, outcome: Outcome): Promise<Outcome> {
  const { clock, limits, failures } = session.server;
  const delayMs = failures.add(session.connection.remoteAddress);
  session.loginFailures++;
  if (delayMs > 0) await clock.sleep(delayMs, session.connection.signal).catch(() => undefined);
  if (session.loginFailures >= limits.loginFailuresMax) {
    session.isOver = true;
    session.untagged('BYE too many failed logins');
  }
  return outcome;
}
