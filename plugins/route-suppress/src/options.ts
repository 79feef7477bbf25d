/** The options of the plugin. */
import type { StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** What a user may write. */
export interface RouteSuppressOptions {
  /** Where the list is kept: lines of JSON, made when missing. */
  readonly file: string;
  /** How long an address stays on the list that does not exist; default 90 days. */
  readonly addressMs?: number | undefined;
  /** How long one stays that was given up after retries; default 7 days. */
  readonly exhaustedMs?: number | undefined;
  /** How many messages must have been given up before; default 3. */
  readonly exhaustedMax?: number | undefined;
  /** How long one stays whose owner has complained; default a year. */
  readonly complaintMs?: number | undefined;
  /** Most addresses on the list; default 1,000,000. The oldest go first. */
  readonly entriesMax?: number | undefined;
}

/** The options with their defaults. */
export interface RouteSuppressConfig {
  readonly file: string;
  readonly addressMs: number;
  readonly exhaustedMs: number;
  readonly exhaustedMax: number;
  readonly complaintMs: number;
  readonly entriesMax: number;
}

const day = 86_400_000;

/** The schema. */
export const config: StandardSchema<RouteSuppressOptions, RouteSuppressConfig> = z.strictObject({
  file: z.string().min(1),
  addressMs: z
    .number()
    .int()
    .min(1)
    .default(90 * day),
  exhaustedMs: z
    .number()
    .int()
    .min(1)
    .default(7 * day),
  complaintMs: z
    .number()
    .int()
    .min(1)
    .default(365 * day),
  exhaustedMax: z.number().int().min(1).max(1_000).default(3),
  entriesMax: z.number().int().min(1).max(10_000_000).default(1_000_000),
});
