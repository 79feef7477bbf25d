/** The options of the plugin. */
import type { StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** What a user may write. */
export interface CheckGreylistOptions {
  /** How long a new triplet must wait; default 5 minutes. */
  readonly delayMs?: number | undefined;
  /** Within which time it must come again; default 2 days. */
  readonly windowMs?: number | undefined;
  /** How long a triplet or network that has proved itself is remembered after its last message; default 36 days. */
  readonly rememberMs?: number | undefined;
  /** Triplets that must have come again before the whole network need not wait any more; default 5, 0 never. */
  readonly allowAfter?: number | undefined;
  /** How much of an address is its network: default `{ four: 24, six: 64 }`. */
  readonly networkBits?:
    | { readonly four?: number | undefined; readonly six?: number | undefined }
    | undefined;
  /** Where it is asked: at RCPT (the default), or when the message is there and SPF is known. */
  readonly at?: 'recipient' | 'message' | undefined;
  /** Whether senders with an SPF pass need not wait; default true. */
  readonly exemptSpf?: boolean | undefined;
  /** Client addresses and networks that need not wait; loopback and private ones by default. */
  readonly exemptClients?: readonly string[] | undefined;
  /** Sender domains, without those below them, that need not wait. */
  readonly exemptSenders?: readonly string[] | undefined;
  /** Recipients that never make anybody wait: addresses, `local@` or domains. */
  readonly exemptRecipients?: readonly string[] | undefined;
  /** When the counters can't be asked: `defer` (the default) or `skip` the greylist. */
  readonly onError?: 'defer' | 'skip' | undefined;
}

const second = 1_000;
const day = 86_400 * second;

const schema = z.strictObject({
  delayMs: z
    .number()
    .int()
    .min(second)
    .max(day)
    .default(300 * second),
  windowMs: z
    .number()
    .int()
    .min(60 * second)
    .default(2 * day),
  rememberMs: z
    .number()
    .int()
    .min(60 * second)
    .default(36 * day),
  allowAfter: z.number().int().min(0).default(5),
  networkBits: z
    .strictObject({
      four: z.number().int().min(8).max(32).default(24),
      six: z.number().int().min(16).max(128).default(64),
    })
    .prefault({}),
  at: z.literal(['recipient', 'message']).default('recipient'),
  exemptSpf: z.boolean().default(true),
  exemptClients: z
    .array(z.string())
    .default(['127.0.0.0/8', '::1', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7']),
  exemptSenders: z.array(z.string().toLowerCase()).default([]),
  exemptRecipients: z.array(z.string().toLowerCase()).default(['postmaster@', 'abuse@']),
  onError: z.literal(['defer', 'skip']).default('defer'),
});

/** The options with their defaults. */
export type CheckGreylistConfig = z.output<typeof schema>;

/** The schema. */
export const config: StandardSchema<CheckGreylistOptions, CheckGreylistConfig> = schema;
