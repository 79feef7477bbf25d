/** The authenticate stage: the `credentials` hook first, then whoever can prove them; undecided refuses. */
import type { Connection, ConnectionState } from '../context/connection.js';
import type { CompiledHooks } from '../hooks/compile.js';
import type { LoginFailure } from '../hooks/table.js';
import { createExchange } from '../sasl/exchange.js';
import { beginMechanism, type Offerer, offerOf } from '../sasl/offer.js';
import type { AuthenticationResult, Authenticator } from '../services/authenticator.js';
import type { BearerTokens } from '../services/bearer-tokens.js';
import type { Clock } from '../services/clock.js';
import type { Directory } from '../services/directory.js';
import type { Logger } from '../services/logger.js';
import type { Counter, Metrics } from '../services/metrics.js';
import type { Random } from '../services/random.js';
import type { Credentials } from '../values/identity.js';
import { reply } from '../values/reply.js';
import type { Attributed } from '../values/verdict.js';
import type { AccountQuotas } from './account-quota.js';
import { attributionFields, attributionOf } from './answers.js';
import { type Proof, proveAccount } from './prove-account.js';

/** What the stage works with. Functions, because hooks are compiled after the services are made. */
export interface AuthenticateOptions {
  readonly hooks: () => CompiledHooks;
  readonly directory: () => Directory | undefined;
  readonly tokens: () => BearerTokens | undefined;
  readonly quotas: AccountQuotas;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** A result, and who has come to it. */
type Judgement = AuthenticationResult & { readonly at: LoginFailure['at']; readonly why?: Attributed };

// RFC 4954 section 6. The same words whether the login exists or not.
const refusedReply = reply(535, '7.8', 'authentication credentials invalid');
const deferredReply = reply(454, '7.0', 'temporary authentication failure');

/** The authenticate stage as a service. */
export function createAuthenticator(options: AuthenticateOptions): Authenticator {
  return new AuthenticateStage(options);
}

class AuthenticateStage implements Authenticator {
  readonly #options: AuthenticateOptions;
  readonly #granted: Counter;
  readonly #refused: Counter;

  constructor(options: AuthenticateOptions) {
    this.#options = options;
    const count = (outcome: string) =>
      options.metrics.counter('postroad_logins_total', 'Logins by outcome.', { outcome });
    this.#granted = count('granted');
    this.#refused = count('refused');
  }

  mechanisms(connection: Connection): readonly string[] {
    return offerOf(connection, this.#offerer());
  }

  start(connection: Connection, mechanism: string): ReturnType<Authenticator['start']> {
    const name = mechanism.toUpperCase();
    const begun = beginMechanism(name, connection, this.#offerer());
    if (begun === undefined) return undefined;
    const judge = {
      judge: (credentials: Credentials) => this.#judge(connection as ConnectionState, credentials),
      settle: (credentials: Credentials, result: AuthenticationResult) =>
        this.#settle(connection as ConnectionState, credentials, result as Judgement),
      failed: (error: unknown) => this.#failed(connection, error),
    };
    return createExchange(name, begun, judge, this.#options.clock);
  }

  async authenticate(connection: Connection, credentials: Credentials): Promise<AuthenticationResult> {
    const result = await this.#judge(connection as ConnectionState, credentials);
    this.#settle(connection as ConnectionState, credentials, result);
    return result;
  }

  #offerer(): Offerer {
    const { directory, tokens, random } = this.#options;
    const serverNonce = () => Buffer.from(random.bytes(18)).toString('base64');
    return { directory: directory(), tokens: tokens(), serverNonce };
  }

  async #judge(connection: ConnectionState, credentials: Credentials): Promise<Judgement> {
    const answer = await this.#options.hooks().credentials?.(connection, credentials);
    if (answer === undefined) return this.#prove(connection, credentials);
    if (!('verdict' in answer)) return { status: 'granted', identity: answer, at: 'hook' };
    const status = answer.verdict === 'defer' ? 'deferred' : 'refused';
    return { status, reply: answer.reply, at: 'hook', why: attributionOf(answer) };
  }

  async #prove(connection: ConnectionState, credentials: Credentials): Promise<Judgement> {
    const { directory, tokens, quotas, log } = this.#options;
    try {
      const proof = await proveAccount(connection, credentials, directory(), tokens());
      if (proof.status === 'refused') return this.#refuse(connection, credentials, proof);
      const { account } = proof;
      await quotas.apply(account);
      const identity = { accountId: account.id, login: account.login, mechanism: credentials.mechanism };
      return { status: 'granted', identity, at: 'proof' };
    } catch (error) {
      log.error('directory failed', { connection: connection.id, error });
      return { status: 'deferred', reply: deferredReply, at: 'proof' };
    }
  }

  /** The log says why; the client never learns it. */
  #refuse(
    connection: ConnectionState,
    { login }: Credentials,
    { reason }: Proof & { status: 'refused' },
  ): Judgement {
    this.#options.log.debug('login not granted', { connection: connection.id, login, reason });
    return { status: 'refused', reply: refusedReply, at: 'proof' };
  }

  #failed(connection: Connection, error: unknown): AuthenticationResult {
    this.#options.log.error('directory failed', { connection: connection.id, error });
    return { status: 'deferred', reply: deferredReply };
  }

  #settle(connection: ConnectionState, credentials: Credentials, result: Judgement): void {
    const { hooks, log } = this.#options;
    if (result.status === 'granted') {
      this.#granted.increase();
      connection.identity = result.identity;
      void hooks().authenticated?.(connection, result.identity);
      return;
    }
    this.#refused.increase();
    const { mechanism, login } = credentials;
    const { status, at, why = {} } = result;
    const { id, protocol, remoteAddress } = connection;
    const facts = { connection: id, protocol, remoteAddress, login, mechanism, status };
    log.info('login refused', { ...facts, ...attributionFields(why) });
    void hooks().loginFailed?.({ connection, mechanism, login, status, at });
  }
}
