/** What `authOauth` takes, and how it is checked. */
import type { StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** Which tokens are for us, and whom they speak for. */
export interface TokenRules {
  /** The token must be for one of these (`aud`). */
  readonly audience?: readonly string[] | undefined;
  /** The token must have all of these (`scope`). */
  readonly scope?: readonly string[] | undefined;
  /** The claim with the login or mail address. */
  readonly claim: string;
}

/** An issuer of signed tokens (RFC 9068), checked here. */
export interface IssuerOptions extends TokenRules {
  readonly issuer: string;
  readonly jwksUrl?: string | undefined;
  /** Keys written down, instead of fetched. */
  readonly jwks?: { readonly keys: readonly Readonly<Record<string, unknown>>[] } | undefined;
  readonly algorithms: readonly string[];
}

/** A server that is asked about tokens (RFC 7662). */
export interface IntrospectionOptions extends TokenRules {
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

/** The checked options. */
export interface AuthOauthConfig {
  readonly issuers: readonly IssuerOptions[];
  readonly introspection?: IntrospectionOptions | undefined;
  readonly openIdConfiguration?: string | undefined;
  readonly timeoutMs: number;
  readonly cacheMs: number;
  readonly cacheEntriesMax: number;
  readonly clockToleranceMs: number;
}

type Loose<T, Kept extends keyof T> = Pick<T, Kept> & {
  readonly [K in Exclude<keyof T, Kept>]?: T[K] | undefined;
};

/** What `authOauth` takes: `issuers`, `introspection`, or both. */
export interface AuthOauthOptions {
  readonly issuers?: readonly Loose<IssuerOptions, 'issuer'>[] | undefined;
  readonly introspection?: Loose<IntrospectionOptions, 'url' | 'clientId' | 'clientSecret'> | undefined;
  readonly openIdConfiguration?: string | undefined;
  readonly timeoutMs?: number | undefined;
  readonly cacheMs?: number | undefined;
  readonly cacheEntriesMax?: number | undefined;
  readonly clockToleranceMs?: number | undefined;
}

const url = z.string().refine(isSafe, 'a URL with https, or with http to a loopback address');
const texts = z.array(z.string().min(1)).min(1).max(100);
const rules = {
  audience: texts.optional(),
  scope: texts.optional(),
  claim: z.string().min(1).default('email'),
};
// Only signatures: with HS256 the key that checks could also sign.
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;

/** A token that any program of the issuer gets would open the mailbox. */
const needsRules = 'give `audience` or `scope`: else a token for any other service would do';

function isForUs({ audience, scope }: { audience?: unknown; scope?: unknown }): boolean {
  return audience !== undefined || scope !== undefined;
}

const schema = z
  .strictObject({
    issuers: z
      .array(
        z
          .strictObject({
            ...rules,
            issuer: z.string().min(1),
            jwksUrl: url.optional(),
            jwks: z
              .strictObject({ keys: z.array(z.record(z.string(), z.unknown())).min(1).max(100) })
              .optional(),
            algorithms: z
              .array(z.enum(algorithms))
              .min(1)
              .default([...algorithms]),
          })
          .refine(isForUs, needsRules)
          .refine(
            ({ jwksUrl, jwks }) => (jwksUrl === undefined) !== (jwks === undefined),
            'give either `jwksUrl` or `jwks`',
          ),
      )
      .max(20)
      .default([]),
    introspection: z
      .strictObject({ ...rules, url, clientId: z.string().min(1), clientSecret: z.string().min(1) })
      .refine(isForUs, needsRules)
      .optional(),
    openIdConfiguration: url.optional(),
    timeoutMs: z.number().int().min(1).max(30_000).default(5_000),
    cacheMs: z.number().int().min(0).max(3_600_000).default(60_000),
    cacheEntriesMax: z.number().int().min(1).max(1_000_000).default(10_000),
    clockToleranceMs: z.number().int().min(0).max(300_000).default(30_000),
  })
  .refine(
    ({ issuers, introspection }) => issuers.length > 0 || introspection !== undefined,
    'give `issuers`, `introspection`, or both',
  );

/** The schema of the options. */
export const config = schema as unknown as StandardSchema<AuthOauthOptions, AuthOauthConfig>;

function isSafe(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  const isLoopback =
    hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
  return protocol === 'https:' || (protocol === 'http:' && isLoopback);
}
