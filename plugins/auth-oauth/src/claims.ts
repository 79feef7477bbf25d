/** What a token says, and whether it is meant for us; the same for signed tokens and for those that are asked about. */
import type { TokenRules } from './options.js';

/** Claims of a token (RFC 7519 section 4, RFC 7662 section 2.2). */
export type Claims = Readonly<Record<string, unknown>>;

/** Whom a token speaks for, and until when, in seconds since 1970. */
export interface Subject {
  readonly name: string;
  readonly expiresAtS: number | undefined;
}

/** The subject; `undefined` when the token is not for us, or names nobody. */
export function subjectOf(claims: Claims, rules: TokenRules): Subject | undefined {
  if (!isForAudience(claims.aud, rules.audience) || !hasScope(claims.scope ?? claims.scp, rules.scope)) {
    return undefined;
  }
  const name = claims[rules.claim];
  if (typeof name !== 'string' || name === '' || name.length > 320) return undefined;
  // OpenID Connect Core section 5.1: an address that nobody has verified may be anybody's.
  if (rules.claim === 'email' && !isVerified(claims.email_verified)) return undefined;
  const { exp } = claims;
  return { name, expiresAtS: typeof exp === 'number' ? exp : undefined };
}

/** Some servers say it in words; those that say nothing vouch for their addresses. */
function isVerified(claim: unknown): boolean {
  return claim === undefined || claim === true || claim === 'true';
}

function isForAudience(claim: unknown, wanted: readonly string[] | undefined): boolean {
  if (wanted === undefined) return true;
  const given = Array.isArray(claim) ? claim : [claim];
  return given.some((one) => wanted.includes(one as string));
}

/** A text divided by blanks (RFC 8693 section 4.2), or a list as some write it. */
function hasScope(claim: unknown, wanted: readonly string[] | undefined): boolean {
  if (wanted === undefined) return true;
  const given = Array.isArray(claim) ? claim : typeof claim === 'string' ? claim.split(' ') : [];
  return wanted.every((one) => given.includes(one));
}
