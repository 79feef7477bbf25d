/** The options of the plugin. */
import type { StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** What a user may write. */
export interface ObserveTimelineOptions {
  /** Where the records are kept; made when missing. */
  readonly directory: string;
  /** Most octets of all records; the oldest go first. Default 256 MiB. */
  readonly octetsMax?: number | undefined;
  /** How long records are kept, whatever room there is; default 30 days. */
  readonly keptMs?: number | undefined;
}

/** The options with their defaults. */
export interface ObserveTimelineConfig {
  readonly directory: string;
  readonly octetsMax: number;
  readonly keptMs: number;
}

const day = 86_400_000;

/** The schema. */
export const config: StandardSchema<ObserveTimelineOptions, ObserveTimelineConfig> = z.strictObject({
  directory: z.string().min(1),
  octetsMax: z.number().int().min(65_536).max(1_099_511_627_776).default(268_435_456),
  keptMs: z
    .number()
    .int()
    .min(60_000)
    .max(3_650 * day)
    .default(30 * day),
});
