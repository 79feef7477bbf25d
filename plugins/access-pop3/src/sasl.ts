/** What SASL mechanisms say (RFC 4422): PLAIN of RFC 4616, and LOGIN, which no RFC has but every client. */

/** What a client has shown. */
export interface SaslPassword {
  readonly login: string;
  readonly password: string;
  readonly authorizationId: string;
}

/** Asks the client; `undefined` when it cancels, sends no base64, or is gone. */
export type SaslAsk = (challenge: string) => Promise<string | undefined>;

/** The mechanisms, in the order they are offered. */
export const saslMechanisms = ['PLAIN', 'LOGIN'] as const;

/** The name of a mechanism that is offered. */
export type SaslMechanism = (typeof saslMechanisms)[number];

/** Runs an exchange. `initial` is the initial response, decoded; `undefined` is a broken or cancelled exchange. */
export async function runSasl(
  mechanism: SaslMechanism,
  initial: string | undefined,
  ask: SaslAsk,
): Promise<SaslPassword | undefined> {
  if (mechanism === 'PLAIN') {
    const response = initial ?? (await ask(''));
    return response === undefined ? undefined : readPlain(response);
  }
  const login = initial ?? (await ask('Username:'));
  if (login === undefined) return undefined;
  const password = await ask('Password:');
  return password === undefined ? undefined : { login, password, authorizationId: '' };
}

/** The text of a response; `undefined` when it is not base64 of UTF-8. */
export function decodeResponse(base64: string): string | undefined {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(base64)) return undefined;
  const octets = Buffer.from(base64, 'base64');
  const text = octets.toString('utf8');
  return text.includes('\ufffd') ? undefined : text;
}

/** RFC 4616 section 2: [authzid] NUL authcid NUL passwd. */
function readPlain(response: string): SaslPassword | undefined {
  const [authorizationId, login, password, ...more] = response.split('\u0000');
  if (authorizationId === undefined || !login || !password || more.length > 0) return undefined;
  return { authorizationId, login, password };
}
