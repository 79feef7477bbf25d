/** An authenticator without a server around it: real exchanges, and a function that judges what they bring. */
import type { ConnectionState } from '../context/connection.js';
import { createExchange } from '../sasl/exchange.js';
import { beginMechanism, offerOf } from '../sasl/offer.js';
import type { AuthenticationResult, Authenticator } from '../services/authenticator.js';
import { systemClock } from '../services/system-clock.js';
import type { Credentials } from '../values/identity.js';
import { reply } from '../values/reply.js';

/** Offers PLAIN and LOGIN, for which `judge` decides. */
export function testAuthenticator(
  judge: (credentials: Credentials) => Promise<AuthenticationResult>,
): Authenticator {
  const offerer = { directory: undefined, tokens: undefined, serverNonce: () => '' };
  const settle = (connection: ConnectionState, result: AuthenticationResult) => {
    if (result.status === 'granted') connection.identity = result.identity;
  };
  return {
    mechanisms: (connection) => offerOf(connection, offerer),
    start(connection, mechanism) {
      const name = mechanism.toUpperCase();
      const begun = beginMechanism(name, connection, offerer);
      if (begun === undefined) return undefined;
      return createExchange(
        name,
        begun,
        {
          judge,
          settle: (_credentials, result) => settle(connection as ConnectionState, result),
          failed: () => ({ status: 'deferred', reply: reply(454, '7.0', 'not now') }),
        },
        systemClock,
      );
    },
    async authenticate(connection, credentials) {
      const result = await judge(credentials);
      settle(connection as ConnectionState, result);
      return result;
    },
  };
}
