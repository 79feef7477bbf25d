/** The options of the plugin. */
import { isIP } from 'node:net';
import type { StandardSchema, TlsPolicy } from '@postroad/core';
import { z } from 'zod';

/** A local address to send from. */
export interface SourceOptions {
  readonly address: string;
  /** What to say in EHLO from there; it should be the name of the address. */
  readonly helloName?: string | undefined;
  /** Its share of the messages; default 1. */
  readonly weight?: number | undefined;
  /** Most messages from there in so much time; when they are used up, the other sources of the pool take over. */
  readonly messages?: RateOptions | undefined;
  /** An address that nobody knows yet sends little at first. */
  readonly warmUp?: WarmUpOptions | undefined;
}

/** So many in so much time; `burst` of them, `count` by default, may come at once after a pause. */
export interface RateOptions {
  readonly count: number;
  readonly perMs: number;
  readonly burst?: number | undefined;
}

/** Messages of the first, second, third day and so on; after the last one the address is warm and has no limit. */
export interface WarmUpOptions {
  /** The first day, as `2026-11-01` (UTC). */
  readonly since: string;
  readonly perDay: readonly number[];
}

/** For which mail what holds; the first rule that fits and says something about a thing decides it. */
export interface EgressRule {
  /** Domains of recipients, or `*.domain`; all by default. */
  readonly to?: readonly string[] | undefined;
  /** Domains of senders, or `*.domain`; all by default. The null reverse-path fits only rules without. */
  readonly from?: readonly string[] | undefined;
  readonly sources?: readonly SourceOptions[] | undefined;
  readonly tls?: TlsPolicy | undefined;
  readonly connectionsMax?: number | undefined;
  readonly connectionRate?: RateOptions | undefined;
  readonly messagesPerConnection?: number | undefined;
}

/** What a user may write. */
export interface DeliverEgressOptions {
  readonly rules: readonly EgressRule[];
}

const rate = z.strictObject({
  count: z.number().int().min(1),
  perMs: z.number().int().min(1),
  burst: z.number().int().min(1).optional(),
});

const warmUp = z.strictObject({
  since: z.iso.date(),
  perDay: z.array(z.number().int().min(1)).min(1).max(366),
});

const source = z.strictObject({
  address: z.string().refine((text) => isIP(text) !== 0, 'not an IP address'),
  helloName: z.string().min(1).max(255).optional(),
  weight: z.number().positive().max(1_000_000).optional(),
  messages: rate.optional(),
  warmUp: warmUp.optional(),
});

const rule = z.strictObject({
  to: z.array(z.string().min(1).toLowerCase()).optional(),
  from: z.array(z.string().min(1).toLowerCase()).optional(),
  sources: z.array(source).min(1).optional(),
  tls: z.enum(['none', 'opportunistic', 'required', 'verified', 'dane']).optional(),
  connectionsMax: z.number().int().min(1).max(10_000).optional(),
  connectionRate: rate.optional(),
  messagesPerConnection: z.number().int().min(1).max(1_000_000).optional(),
});

/** The schema. */
export const config: StandardSchema<DeliverEgressOptions> = z.strictObject({ rules: z.array(rule) });
