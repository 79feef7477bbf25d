/** Signed tokens (RFC 7519, RFC 9068), checked here against the keys of their issuer (RFC 7517). */
import { MailError, messageOf } from '@postroad/core';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  decodeJwt,
  errors,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import { type Subject, subjectOf } from './claims.js';
import type { AuthOauthConfig, IssuerOptions } from './options.js';

/** Checks one; `undefined` when it is not valid; `'foreign'` when it is of none of the issuers, or not signed at all. */
export type SignedTokens = (token: string) => Promise<Subject | undefined | 'foreign'>;

/** How soon the keys of an issuer may be fetched again for a key that is not known. */
const refetchMs = 30_000;
const keysKeptMs = 600_000;

/** Makes the check. Keys are fetched at the first token of an issuer. */
export function createSignedTokens(config: AuthOauthConfig, now: () => number): SignedTokens {
  const issuers = new Map(
    config.issuers.map((one) => [one.issuer, { one, keys: keysOf(one, config.timeoutMs) }]),
  );
  return async (token) => {
    const issuer = issuers.get(issuerOf(token) ?? '');
    if (issuer === undefined) return 'foreign';
    const { one, keys } = issuer;
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer: one.issuer,
        algorithms: [...one.algorithms],
        requiredClaims: ['exp'],
        clockTolerance: config.clockToleranceMs / 1_000,
        currentDate: new Date(now()),
      });
      return subjectOf(payload, one);
    } catch (cause) {
      if (isRefusal(cause)) return undefined;
      throw new MailError('E_DIRECTORY', `the keys of ${one.issuer} are not there: ${messageOf(cause)}`, {
        cause,
      });
    }
  };
}

function keysOf({ jwks, jwksUrl }: IssuerOptions, timeoutMs: number): JWTVerifyGetKey {
  if (jwks !== undefined) return createLocalJWKSet(jwks as Parameters<typeof createLocalJWKSet>[0]);
  const options = { timeoutDuration: timeoutMs, cooldownDuration: refetchMs, cacheMaxAge: keysKeptMs };
  return createRemoteJWKSet(new URL(jwksUrl ?? ''), options);
}

function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch (error) {
    // Not a JWT: a token that only its server can read.
    if (error instanceof errors.JOSEError || error instanceof TypeError) return undefined;
    throw error;
  }
}

/** What is wrong with the token is its fault; that the keys can't be fetched is not. */
function isRefusal(cause: unknown): boolean {
  if (!(cause instanceof errors.JOSEError)) return false;
  // `JWKSInvalid` and plain failures of the fetch are the issuer's.
  return !(
    cause instanceof errors.JWKSTimeout ||
    cause instanceof errors.JWKSInvalid ||
    cause.code === 'ERR_JOSE_GENERIC'
  );
}
