/** The options of the plugin. */
import type { StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** What a user may write. */
export interface ObserveTlsrptOptions {
  /** Where results are kept until they are reported; made when missing. */
  readonly directory: string;
  /** Who reports. */
  readonly organization: string;
  /** The address that reports come from, and where questions about them go. */
  readonly contact: string;
  /** Most results of a day; default 1,000,000. */
  readonly resultsMax?: number | undefined;
}

/** The options with their defaults. */
export interface ObserveTlsrptConfig {
  readonly directory: string;
  readonly organization: string;
  readonly contact: string;
  readonly resultsMax: number;
}

/** The schema. */
export const config: StandardSchema<ObserveTlsrptOptions, ObserveTlsrptConfig> = z.strictObject({
  directory: z.string().min(1),
  organization: z.string().min(1).max(200),
  contact: z.email(),
  resultsMax: z.number().int().min(1).max(100_000_000).default(1_000_000),
});
