/** An exchange from the mechanism's first word to the outcome, with bounds on both time and rounds. */
import type { MaybePromise } from '../hooks/kinds.js';
import type { AuthenticationResult, SaslExchange, SaslStep } from '../services/authenticator.js';
import type { Clock } from '../services/clock.js';
import type { Credentials } from '../values/identity.js';
import { type CredentialsStep, type Mechanism, malformed } from './mechanism.js';

/** Who decides about credentials, and what happens when the exchange has ended well. */
export interface Judge {
  /** Never rejects. */
  judge(credentials: Credentials): Promise<AuthenticationResult>;
  /** The client has all it was to get: the login counts from here. */
  settle(credentials: Credentials, result: AuthenticationResult): void;
  /** The mechanism could not ask what it needed. */
  failed(error: unknown): AuthenticationResult;
}

/** No exchange takes longer. */
const exchangeMsMax = 60_000;
const roundsMax = 5;
/** Longest response in octets: a token fits, a message does not. */
const responseOctetsMax = 16_384;

/** Runs a mechanism. A step at a time: the protocol does not read on before the answer is there. */
export function createExchange(name: string, mechanism: Mechanism, judge: Judge, clock: Clock): SaslExchange {
  const startedMs = clock.monotonic();
  let rounds = 0;
  let isOver = false;
  /** The outcome that waits for the client's answer to what was said with it. */
  let pending: { readonly credentials: Credentials; readonly result: AuthenticationResult } | undefined;

  const end = (step: SaslStep): SaslStep => {
    isOver = true;
    return step;
  };
  const settle = (credentials: Credentials, result: AuthenticationResult): SaslStep => {
    judge.settle(credentials, result);
    return end(result);
  };
  const judgeStep = async ({ credentials, proof, refusal }: CredentialsStep): Promise<SaslStep> => {
    const result = await judge.judge(credentials);
    const word = result.status === 'granted' ? proof : result.status === 'refused' ? refusal : undefined;
    if (word === undefined) return settle(credentials, result);
    if (result.status !== 'granted') {
      // A refusal counts now: the client may well leave without an answer.
      judge.settle(credentials, result);
    }
    pending = { credentials, result };
    return { status: 'challenge', challenge: word };
  };
  const run = async (response: Uint8Array): Promise<SaslStep> => {
    try {
      const step = await mechanism.step(response);
      if (step.status === 'credentials') return await judgeStep(step);
      return step.status === 'malformed' ? end(malformed) : step;
    } catch (error) {
      return end(judge.failed(error));
    }
  };
  return {
    mechanism: name,
    step(response): MaybePromise<SaslStep> {
      const isFirst = rounds++ === 0;
      if (isOver || rounds > roundsMax || clock.monotonic() - startedMs > exchangeMsMax)
        return end(malformed);
      if (response === undefined) {
        return isFirst ? { status: 'challenge', challenge: mechanism.greeting } : end(malformed);
      }
      if (response.length > responseOctetsMax) return end(malformed);
      if (pending === undefined) return run(response);
      const { credentials, result } = pending;
      if (result.status !== 'granted') return end(result);
      // RFC 4954 section 4, RFC 9051 section 6.2.2: what the server adds to a success is answered with nothing.
      return response.length === 0 ? settle(credentials, result) : end(malformed);
    },
  };
}
