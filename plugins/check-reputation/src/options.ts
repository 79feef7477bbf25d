/** The options of the plugin. */
import type { StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** What a user may write. */
export interface CheckReputationOptions {
  /** Points at most for those who have sent spam only; default 4. */
  readonly spamScore?: number | undefined;
  /** Points at most for those who have sent none, below zero; default -2. */
  readonly hamScore?: number | undefined;
  /** Messages that knowing nothing weighs: with so many seen, a reputation counts half; default 5. */
  readonly strength?: number | undefined;
  /** After which time what was seen counts half; default 14 days. */
  readonly halfLifeMs?: number | undefined;
  /** Points, from others, at which a message counts as spam wholly; default 5. */
  readonly spamAt?: number | undefined;
  /** How much each kind of identity weighs; default `{ address: 1, network: 0.5, domain: 1, sender: 0.7 }`. */
  readonly weights?:
    | {
        readonly address?: number | undefined;
        readonly network?: number | undefined;
        readonly domain?: number | undefined;
        readonly sender?: number | undefined;
      }
    | undefined;
  /** How much of an address is its network: default `{ four: 24, six: 48 }`. */
  readonly networkBits?:
    | { readonly four?: number | undefined; readonly six?: number | undefined }
    | undefined;
  /** How many messages a move in or out of Junk counts as; default 3, 0 learns nothing from users. */
  readonly moveWeight?: number | undefined;
  /** How many messages a refusal before the content counts as, when a check refuses for good; default 0.5. */
  readonly refusalWeight?: number | undefined;
  /** How long it is remembered who a message came from, for moves in and out of Junk; default 30 days. */
  readonly rememberMs?: number | undefined;
  /** Whose messages are judged and learnt from; default `strangers`. */
  readonly who?: 'strangers' | 'all' | undefined;
  /** When the counters fail: `defer` (the default) leaves it to policy, `skip` goes on without. */
  readonly onError?: 'defer' | 'skip' | undefined;
}

const dayMs = 86_400_000;

const schema = z.strictObject({
  spamScore: z.number().min(0).max(100).default(4),
  hamScore: z.number().min(-100).max(0).default(-2),
  strength: z.number().min(0.1).max(1_000).default(5),
  halfLifeMs: z
    .number()
    .min(dayMs / 24)
    .max(365 * dayMs)
    .default(14 * dayMs),
  spamAt: z.number().min(0.1).max(1_000).default(5),
  weights: z
    .strictObject({
      address: z.number().min(0).default(1),
      network: z.number().min(0).default(0.5),
      domain: z.number().min(0).default(1),
      sender: z.number().min(0).default(0.7),
    })
    .prefault({}),
  networkBits: z
    .strictObject({
      four: z.number().int().min(8).max(32).default(24),
      six: z.number().int().min(16).max(64).default(48),
    })
    .prefault({}),
  moveWeight: z.number().min(0).max(100).default(3),
  refusalWeight: z.number().min(0).max(100).default(0.5),
  rememberMs: z
    .number()
    .min(dayMs / 24)
    .max(365 * dayMs)
    .default(30 * dayMs),
  who: z.literal(['strangers', 'all']).default('strangers'),
  onError: z.literal(['defer', 'skip']).default('defer'),
});

/** The options with their defaults. */
export type CheckReputationConfig = z.output<typeof schema>;

/** The schema. */
export const config: StandardSchema<CheckReputationOptions, CheckReputationConfig> = schema;
