/** LOGIN, AUTHENTICATE and STARTTLS (RFC 9051 sections 6.2.1 to 6.2.3, RFC 4616, RFC 4959). */
import {
  type AuthenticationResult,
  decodeInitialResponse,
  decodeResponse,
  encodeChallenge,
} from '@postroad/core';
import type { AuthenticateCommand, LoginCommand } from '../protocol/index.js';
import { capabilities } from './capabilities.js';
import { bad, formatOutcome, no, type Outcome, ok } from './outcome.js';
import type { Session } from './session.js';

/** LOGIN. */
export async function logIn(session: Session, command: LoginCommand): Promise<Outcome> {
  if (!session.mayLogIn) return no('a password needs TLS first', 'PRIVACYREQUIRED');
  const { login, password } = command;
  const credentials = { kind: 'password', mechanism: 'LOGIN', login, password, authorizationId: '' } as const;
  const { authenticator } = session.server;
  return enter(session, 'LOGIN', await authenticator.authenticate(session.connection, credentials));
}

/** AUTHENTICATE; the initial response (RFC 4959) may stand behind the mechanism. */
export async function authenticate(session: Session, command: AuthenticateCommand): Promise<Outcome> {
  if (!session.mayLogIn) return no('a password needs TLS first', 'PRIVACYREQUIRED');
  const exchange = session.server.authenticator.start(session.connection, command.mechanism);
  if (exchange === undefined) return no('the mechanism is not supported', 'CANNOT');
  const { initialResponse } = command;
  const initial = initialResponse === undefined ? undefined : decodeInitialResponse(initialResponse);
  if (initialResponse !== undefined && initial === undefined) return bad('authentication cancelled');
  let step = await exchange.step(initial);
  while (step.status === 'challenge') {
    const response = await ask(session, step.challenge);
    if (response === undefined) return bad('authentication cancelled');
    step = await exchange.step(response);
  }
  if (step.status === 'malformed') return fail(session, bad('the response is not valid'));
  return enter(session, exchange.mechanism, step);
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

/** Asks for one response; `undefined` when the client cancels, sends no base64, or is gone. */
async function ask(session: Session, challenge: Uint8Array): Promise<Uint8Array | undefined> {
  session.wire.output.write(`+ ${encodeChallenge(challenge)}\r\n`);
  session.wire.reader.expectLine();
  const event = await session.wire.next();
  if (event?.kind !== 'line') {
    session.isOver = true;
    return undefined;
  }
  return event.octets === '*' ? undefined : decodeResponse(event.octets);
}

/** What follows an outcome. */
async function enter(session: Session, mechanism: string, result: AuthenticationResult): Promise<Outcome> {
  if (result.status === 'deferred') return no('try again later', 'UNAVAILABLE');
  if (result.status === 'refused') return fail(session, no('wrong name or password', 'AUTHENTICATIONFAILED'));
  const { accountId } = result.identity;
  const { counts, limits } = session.server;
  if (!counts.add(`account ${accountId}`, limits.connectionsPerAccountMax)) {
    session.connection.identity = undefined;
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
  const delayMs = failures.add(session.connection.remoteAddress, limits.loginFailureDelayMs);
  session.loginFailures++;
  if (delayMs > 0) await clock.sleep(delayMs, session.connection.signal).catch(() => undefined);
  if (session.loginFailures >= limits.loginFailuresMax) {
    session.isOver = true;
    session.untagged('BYE too many failed logins');
  }
  return outcome;
}
