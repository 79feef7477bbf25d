/** AUTH with PLAIN and LOGIN (RFC 4954, RFC 4616). State lives in the session's next-line function: nothing is shared. */
import type { AuthenticationResult } from '../services/authenticator.js';
import type { PasswordCredentials } from '../values/identity.js';
import type { Reply } from '../values/reply.js';
import { mayLogIn } from './extensions.js';
import { replies } from './replies.js';
import type { ReceivingSession } from './session.js';

// LOGIN has no specification but a draft; every client looks for these two words in base64.
const userNameChallenge = '334 VXNlcm5hbWU6\r\n';
const passwordChallenge = '334 UGFzc3dvcmQ6\r\n';
const emptyChallenge = '334 \r\n';

/** Begins an exchange; the initial response may stand behind the mechanism (RFC 4954 section 4). */
export function authenticate(session: ReceivingSession, argument: string) {
  const [mechanism = '', initial, ...rest] = argument.split(' ');
  const refusal = outOfOrder(session);
  if (refusal !== undefined) return session.refuse('AUTH', refusal);
  if (mechanism === '' || rest.length > 0) return session.refuse('AUTH', replies.syntax);
  switch (mechanism.toUpperCase()) {
    case 'PLAIN':
      return plain(session, initial);
    case 'LOGIN':
      return login(session, initial);
    default:
      return session.refuse('AUTH', replies.authUnknown);
  }
}

function outOfOrder(session: ReceivingSession): Reply | undefined {
  const { options } = session.shared;
  if (!options.hasAuth) return replies.authNotOffered;
  if (session.peer.helloName === '' || !session.peer.isExtended) return replies.helloFirst;
  if (!mayLogIn(options, session.isTls)) return replies.authNeedsTls;
  if (session.peer.identity !== undefined) return replies.authDone;
  if (session.transaction !== undefined) return replies.authInTransaction;
  return undefined;
}

function plain(session: ReceivingSession, initial: string | undefined) {
  if (initial === undefined)
    return challenge(session, emptyChallenge, (text) => plainResponse(session, text));
  const response = decode(initial);
  if (response === undefined) return session.refuse('AUTH', replies.authBadBase64);
  plainResponse(session, response);
}

/** RFC 4616 section 2: authorization id, NUL, login, NUL, password. */
function plainResponse(session: ReceivingSession, response: string) {
  const parts = response.split('\0');
  const [authorizationId, name, password] = parts;
  if (parts.length !== 3 || !name || !password || authorizationId === undefined) {
    return session.refuse('AUTH', replies.authMalformed);
  }
  verify(session, { kind: 'password', mechanism: 'PLAIN', login: name, password, authorizationId });
}

function login(session: ReceivingSession, initial: string | undefined) {
  const askPassword = (name: string) => {
    challenge(session, passwordChallenge, (password) => {
      if (name === '' || password === '' || `${name}${password}`.includes('\0')) {
        return session.refuse('AUTH', replies.authMalformed);
      }
      verify(session, { kind: 'password', mechanism: 'LOGIN', login: name, password, authorizationId: '' });
    });
  };
  if (initial === undefined) return challenge(session, userNameChallenge, askPassword);
  const name = decode(initial);
  if (name === undefined) return session.refuse('AUTH', replies.authBadBase64);
  askPassword(name);
}

function challenge(session: ReceivingSession, text: string, answered: (response: string) => void) {
  session.write(text);
  session.takeNextLine((line) => {
    // RFC 4954 section 4: a line with a lone asterisk cancels.
    if (line === '*') return session.refuse('AUTH', replies.authCancelled);
    const response = line === '' ? '' : decode(line);
    if (response === undefined) return session.refuse('AUTH', replies.authBadBase64);
    answered(response);
  });
}

function verify(session: ReceivingSession, credentials: PasswordCredentials): void {
  session.ask(session.shared.policy.authenticate(session.peer, credentials), verified);
}

function verified(session: ReceivingSession, result: AuthenticationResult) {
  if (result.status !== 'granted') return session.say(result.reply);
  session.peer.identity = result.identity;
  session.say(replies.authOk);
}

/** Strict base64 of UTF-8; `=` alone stands for the empty response (RFC 4954 section 4). */
function decode(text: string): string | undefined {
  if (text === '=') return '';
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
  const octets = Buffer.from(text, 'base64');
  const decoded = octets.toString('utf8');
  return Buffer.from(decoded).equals(octets) ? decoded : undefined;
}
