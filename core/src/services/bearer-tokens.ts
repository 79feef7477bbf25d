/** Bearer tokens of OAuth 2.0: whom they speak for. */
import { token } from '../di/token.js';

/** Checks tokens of OAUTHBEARER and XOAUTH2. Whoever provides it, these mechanisms are offered. */
export interface BearerTokens {
  /**
   * The login or mail address that the token speaks for; `undefined` when it is not valid, or not for mail. Throws when
   * that can't be told for now.
   */
  subjectOf(bearerToken: string, signal?: AbortSignal): Promise<string | undefined>;
  /** Where clients learn how to get a token (RFC 7628 section 3.2.2). */
  readonly openIdConfiguration?: string;
  /** The scope that a token needs; told to clients whose token is refused. */
  readonly scope?: string;
}

/** The token of the checker of tokens. */
export const BearerTokens = token<BearerTokens>('core.bearer-tokens');
