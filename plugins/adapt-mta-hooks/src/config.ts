/** The options of the plugin. */
import type { StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** Where a message is on its way in. */
export const inboundStages = ['connect', 'ehlo', 'mail', 'rcpt', 'data'] as const;
/** And on its way out. */
export const outboundStages = ['delivery', 'defer', 'dsn'] as const;

/** A stage. */
export type HookStage = (typeof inboundStages)[number] | (typeof outboundStages)[number];

/** One service. */
export interface HookServiceOptions {
  /** Its origin, such as `https://scanner.example.org`: what it offers is found under `/.well-known/mta-hooks`. */
  readonly url: string;
  /** For logs; the URL by default. */
  readonly name?: string | undefined;
  /** Sent as `Authorization: Bearer`. */
  readonly token?: string | undefined;
  readonly inbound?: readonly (typeof inboundStages)[number][] | undefined;
  readonly outbound?: readonly (typeof outboundStages)[number][] | undefined;
  /** What is preferred where the service has both. */
  readonly serialization?: 'json' | 'cbor' | undefined;
  /** How long it may take for one stage, registration and repetitions included. */
  readonly timeoutMs?: number | undefined;
  /** When it can not be asked: `defer` refuses for now, `skip` goes on without it. */
  readonly onError?: 'defer' | 'skip' | undefined;
  /** Whether it may change message and envelope. */
  readonly rewrite?: boolean | undefined;
}

/** What a user may write. */
export interface AdaptMtaHooksOptions {
  /** The services in order; the first that refuses ends it. */
  readonly services: readonly HookServiceOptions[];
  /** Most octets of an answer. */
  readonly answerOctetsMax?: number | undefined;
}

/** One service with its defaults. */
export interface HookServiceConfig extends HookServiceOptions {
  readonly name: string;
  readonly inbound: readonly (typeof inboundStages)[number][];
  readonly outbound: readonly (typeof outboundStages)[number][];
  readonly serialization: 'json' | 'cbor';
  readonly timeoutMs: number;
  readonly onError: 'defer' | 'skip';
  readonly rewrite: boolean;
}

/** The options with their defaults. */
export interface AdaptMtaHooksConfig {
  readonly services: readonly HookServiceConfig[];
  readonly answerOctetsMax: number;
}

const service = z
  .strictObject({
    url: z.url({ protocol: /^https?$/ }),
    name: z.string().min(1).max(100).optional(),
    token: z
      .string()
      .regex(/^[!-~]{1,1000}$/)
      .optional(),
    inbound: z.array(z.enum(inboundStages)).default(['data']),
    outbound: z.array(z.enum(outboundStages)).default([]),
    serialization: z.enum(['json', 'cbor']).default('json'),
    timeoutMs: z.number().int().min(1).max(25_000).default(15_000),
    onError: z.enum(['defer', 'skip']).default('defer'),
    rewrite: z.boolean().default(true),
  })
  .transform((one): HookServiceConfig => ({ ...one, name: one.name ?? one.url }));

/** The schema. */
export const config: StandardSchema<AdaptMtaHooksOptions, AdaptMtaHooksConfig> = z.strictObject({
  services: z.array(service).min(1).max(20),
  answerOctetsMax: z.number().int().min(1_000).max(104_857_600).default(16_777_216),
});
