/** The options of the plugin. */
import type { StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** What a user may write. */
export interface AdaptHarakaOptions {
  /** Packages (`haraka-plugin-access`, or just `access`), or paths of files and folders, in the order in which they run. */
  readonly plugins: readonly string[];
  /** Where packages and paths are looked up; the folder whose `config/` overrides the plugins' own files. */
  readonly directory: string;
  /** How long one plugin may take for one hook. */
  readonly timeoutMs?: number | undefined;
  /** When a plugin throws, never calls back, or calls back twice: `defer` refuses for now, `skip` goes on without it. */
  readonly onError?: 'defer' | 'skip' | undefined;
  /** Find the client's name by DNS. */
  readonly lookUpName?: boolean | undefined;
}

/** The options with their defaults. */
export interface AdaptHarakaConfig extends AdaptHarakaOptions {
  readonly timeoutMs: number;
  readonly onError: 'defer' | 'skip';
  readonly lookUpName: boolean;
}

/** The schema. */
export const config: StandardSchema<AdaptHarakaOptions, AdaptHarakaConfig> = z.strictObject({
  plugins: z.array(z.string().min(1)).min(1).max(200),
  directory: z.string().min(1),
  timeoutMs: z.number().int().min(1).max(55_000).default(25_000),
  onError: z.enum(['defer', 'skip']).default('defer'),
  lookUpName: z.boolean().default(true),
});
