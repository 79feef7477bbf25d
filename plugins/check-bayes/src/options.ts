/** The options of the plugin. */
import type { StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** What a user may write. */
export interface CheckBayesOptions {
  /** Where the statistics are kept; made when missing. */
  readonly directory: string;
  /** Points at most for spam; default 5. */
  readonly spamScore?: number | undefined;
  /** Points at most for what is no spam, below zero; default -3. */
  readonly hamScore?: number | undefined;
  /** Messages of each kind that the server must have learnt before it judges; default 50. */
  readonly learntMin?: number | undefined;
  /** The same for an account; default 20. */
  readonly accountLearntMin?: number | undefined;
  /** The probability from which an account's own statistics file a message to Junk; default 0.95, 1 never. */
  readonly junkAt?: number | undefined;
  /** Whether moving mail in and out of Junk teaches the server's statistics too; default true. */
  readonly usersTeachServer?: boolean | undefined;
  /** Tokens kept for the server; default 1,000,000. */
  readonly tokensMax?: number | undefined;
  /** Tokens kept for each account; default 100,000. */
  readonly accountTokensMax?: number | undefined;
  /** Words of a message that are looked at; default 300. */
  readonly wordsMax?: number | undefined;
  /** Whose messages are judged; default `strangers`. */
  readonly who?: 'strangers' | 'all' | undefined;
}

const schema = z.strictObject({
  directory: z.string().min(1),
  spamScore: z.number().min(0).default(5),
  hamScore: z.number().max(0).default(-3),
  learntMin: z.number().int().min(1).default(50),
  accountLearntMin: z.number().int().min(1).default(20),
  junkAt: z.number().min(0.5).max(1).default(0.95),
  usersTeachServer: z.boolean().default(true),
  tokensMax: z.number().int().min(1_000).max(50_000_000).default(1_000_000),
  accountTokensMax: z.number().int().min(1_000).max(10_000_000).default(100_000),
  wordsMax: z.number().int().min(10).max(5_000).default(300),
  who: z.literal(['strangers', 'all']).default('strangers'),
});

/** The options with their defaults. */
export type CheckBayesConfig = z.output<typeof schema>;

/** The schema. */
export const config: StandardSchema<CheckBayesOptions, CheckBayesConfig> = schema;
