/** Asking the server that has issued a token (RFC 7662). */
import { MailError, messageOf } from '@postroad/core';
import { type Claims, type Subject, subjectOf } from './claims.js';
import type { IntrospectionOptions } from './options.js';

/** Asks about one; `undefined` when it is not active or not for us. */
export type Introspect = (token: string, signal?: AbortSignal) => Promise<Subject | undefined>;

const answerOctetsMax = 65_536;

/** Makes the question. */
export function createIntrospection(
  options: IntrospectionOptions,
  timeoutMs: number,
  now: () => number,
): Introspect {
  const { url, clientId, clientSecret } = options;
  // RFC 6749 section 2.3.1: both are encoded as in a form before they are joined.
  const encoded = [clientId, clientSecret].map((text) =>
    new URLSearchParams({ x: text }).toString().slice(2),
  );
  const authorization = `Basic ${Buffer.from(encoded.join(':')).toString('base64')}`;
  return async (token, signal) => {
    try {
      const limit = AbortSignal.timeout(timeoutMs);
      const response = await fetch(url, {
        method: 'POST',
        headers: { authorization, accept: 'application/json' },
        body: new URLSearchParams({ token, token_type_hint: 'access_token' }),
        redirect: 'error',
        signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
      });
      const claims = await readClaims(response);
      return claims.active === true && isCurrent(claims, now()) ? subjectOf(claims, options) : undefined;
    } catch (cause) {
      if (signal?.aborted === true) throw signal.reason;
      throw new MailError('E_DIRECTORY', `nobody tells about tokens: ${messageOf(cause)}`, { cause });
    }
  };
}

function isCurrent({ exp, nbf }: Claims, nowMs: number): boolean {
  const hasEnded = typeof exp === 'number' && exp * 1_000 <= nowMs;
  return !hasEnded && !(typeof nbf === 'number' && nbf * 1_000 > nowMs + 60_000);
}

async function readClaims(response: Response): Promise<Claims> {
  const chunks: Uint8Array[] = [];
  let octets = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    octets += chunk.length;
    if (octets > answerOctetsMax) throw new Error('the answer is too long');
    chunks.push(chunk);
  }
  if (response.status !== 200) throw new Error(`the answer has status ${response.status}`);
  const claims: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  if (typeof claims !== 'object' || claims === null) throw new Error('the answer is no object');
  return claims as Claims;
}
