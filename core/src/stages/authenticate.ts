/** The authenticate stage: the `credentials` hook first, then the directory; undecided refuses. */
import type { ConnectionState } from '../context/connection.js';
import type { CompiledHooks } from '../hooks/compile.js';
import type { AuthenticationResult, Authenticator } from '../services/authenticator.js';
import type { Directory } from '../services/directory.js';
import type { Logger } from '../services/logger.js';
import type { Metrics } from '../services/metrics.js';
import type { Credentials, Identity } from '../values/identity.js';
import { reply } from '../values/reply.js';
import type { AccountQuotas } from './account-quota.js';

/** What the stage works with. Functions, because hooks are compiled after the services are made. */
export interface AuthenticateOptions {
  readonly hooks: () => CompiledHooks;
  readonly directory: () => Directory | undefined;
  readonly quotas: AccountQuotas;
  readonly log: Logger;
  readonly metrics: Metrics;
}

// RFC 4954 section 6. The same words whether the login exists or not.
const refusedReply = reply(535, '7.8', 'authentication credentials invalid');
const deferredReply = reply(454, '7.0', 'temporary authentication failure');

/** The authenticate stage as a service. */
export function createAuthenticator(options: AuthenticateOptions): Authenticator {
  const count = (outcome: string) =>
    options.metrics.counter('postroad_logins_total', 'Logins by outcome.', { outcome });
  const granted = count('granted');
  const refused = count('refused');
  return {
    async authenticate(connection, credentials) {
      const result = await decide(options, connection as ConnectionState, credentials);
      if (result.status === 'granted') {
        granted.increase();
        (connection as ConnectionState).identity = result.identity;
        void options.hooks().authenticated?.(connection, result.identity);
        return result;
      }
      refused.increase();
      options.log.info('login refused', {
        connection: connection.id,
        protocol: connection.protocol,
        remoteAddress: connection.remoteAddress,
        login: credentials.login,
        status: result.status,
      });
      return result;
    },
  };
}

async function decide(
  options: AuthenticateOptions,
  connection: ConnectionState,
  credentials: Credentials,
): Promise<AuthenticationResult> {
  const answer = await options.hooks().credentials?.(connection, credentials);
  if (answer === undefined) return askDirectory(options, connection, credentials);
  if (!('verdict' in answer)) return { status: 'granted', identity: answer };
  return { status: answer.verdict === 'defer' ? 'deferred' : 'refused', reply: answer.reply };
}

async function askDirectory(
  options: AuthenticateOptions,
  connection: ConnectionState,
  credentials: Credentials,
): Promise<AuthenticationResult> {
  const directory = options.directory();
  if (directory === undefined) return { status: 'refused', reply: refusedReply };
  try {
    const account = await directory.verifyPassword(
      credentials.login,
      credentials.password,
      connection.signal,
    );
    if (account === undefined || !mayActAs(credentials, account.login)) {
      return { status: 'refused', reply: refusedReply };
    }
    await options.quotas.apply(account);
    const identity: Identity = {
      accountId: account.id,
      login: account.login,
      mechanism: credentials.mechanism,
    };
    return { status: 'granted', identity };
  } catch (error) {
    options.log.error('directory failed', { connection: connection.id, error });
    return { status: 'deferred', reply: deferredReply };
  }
}

/** RFC 4616 section 2: nobody acts for another here. */
function mayActAs(credentials: Credentials, login: string): boolean {
  const wanted = credentials.authorizationId.toLowerCase();
  return wanted === '' || wanted === login.toLowerCase() || wanted === credentials.login.toLowerCase();
}
