/** The options of the plugin. */
import { type PeerAddress, parsePeerAddress, type StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** Where in the dialogue a policy server is asked, by Postfix's names. */
export const protocolStates = ['CONNECT', 'HELO', 'MAIL', 'RCPT', 'DATA', 'END-OF-MESSAGE'] as const;

/** One of them. */
export type ProtocolState = (typeof protocolStates)[number];

/** One policy service. */
export interface PolicyServiceOptions {
  /** `host:port`, `inet:host:port` or `unix:/path`; several are the same service, the next asked when one fails. */
  readonly servers: readonly string[];
  /** For logs; the first server by default. */
  readonly name?: string | undefined;
  /** Where it is asked. */
  readonly states?: readonly ProtocolState[] | undefined;
  /** How long one server may take. */
  readonly timeoutMs?: number | undefined;
  /** When it can not be asked: `defer` refuses for now, `skip` goes on without it. */
  readonly onError?: 'defer' | 'skip' | undefined;
  /** Told as `policy_context`. */
  readonly context?: string | undefined;
}

/** What a user may write. */
export interface AdaptPostfixPolicyOptions {
  /** The services in order; the first that has an opinion ends it. */
  readonly services: readonly PolicyServiceOptions[];
  /** Find the client's name by DNS and tell it. */
  readonly lookUpName?: boolean | undefined;
}

/** One service with its defaults. */
export interface PolicyServiceConfig {
  readonly servers: readonly PeerAddress[];
  readonly name: string;
  readonly states: readonly ProtocolState[];
  readonly timeoutMs: number;
  readonly onError: 'defer' | 'skip';
  readonly context: string;
}

/** The options with their defaults. */
export interface AdaptPostfixPolicyConfig {
  readonly services: readonly PolicyServiceConfig[];
  readonly lookUpName: boolean;
}

const line = z.string().regex(/^[^\r\n\0]{1,200}$/, 'one line of text');
const server = z
  .string()
  .refine((text) => parsePeerAddress(text) !== undefined, 'neither host:port nor unix:/path');

const service = z
  .strictObject({
    servers: z.array(server).min(1).max(20),
    name: line.optional(),
    states: z.array(z.enum(protocolStates)).min(1).default(['RCPT']),
    timeoutMs: z.number().int().min(1).max(25_000).default(10_000),
    onError: z.enum(['defer', 'skip']).default('defer'),
    context: line.optional(),
  })
  .transform(({ servers, name, context, ...rest }): PolicyServiceConfig => {
    const addresses = servers.flatMap((text) => parsePeerAddress(text) ?? []);
    return { ...rest, name: name ?? servers[0] ?? '', context: context ?? '', servers: addresses };
  });

/** The schema. */
export const config: StandardSchema<AdaptPostfixPolicyOptions, AdaptPostfixPolicyConfig> = z.strictObject({
  services: z.array(service).min(1).max(20),
  lookUpName: z.boolean().default(true),
});
