/** PLAIN (RFC 4616), and LOGIN, which no RFC has but every client. */
import { textOfOctets } from './base64.js';
import { type Mechanism, malformed, nothing } from './mechanism.js';

/** PLAIN. */
export function plain(): Mechanism {
  return {
    greeting: nothing,
    step(response) {
      // RFC 4616 section 2: authorization id, NUL, login, NUL, password.
      const parts = textOfOctets(response)?.split('\0') ?? [];
      const [authorizationId, login, password] = parts;
      if (parts.length !== 3 || !login || !password || authorizationId === undefined) return malformed;
      const credentials = { kind: 'password', mechanism: 'PLAIN', login, password, authorizationId } as const;
      return { status: 'credentials', credentials };
    },
  };
}

/** LOGIN; every client looks for the two words, whatever they say. */
export function login(): Mechanism {
  let name: string | undefined;
  return {
    greeting: Buffer.from('Username:'),
    step(response) {
      const text = textOfOctets(response);
      if (text === undefined || text === '' || text.includes('\0')) return malformed;
      if (name === undefined) {
        name = text;
        return { status: 'challenge', challenge: Buffer.from('Password:') };
      }
      const common = { mechanism: 'LOGIN', login: name, authorizationId: '' };
      return { status: 'credentials', credentials: { kind: 'password', password: text, ...common } };
    },
  };
}
