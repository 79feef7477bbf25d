/** The options of the plugin. */
import { isAbsolute } from 'node:path';
import type { StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** What a user may write. */
export interface DeliverMaildirOptions {
  /** Domains with their directories; `{localPart}` and `{domain}` stand for those of the recipient. */
  readonly domains?: Readonly<Record<string, string>> | undefined;
}

const directory = z.string().refine(isAbsolute, 'not an absolute path');

/** The schema. */
export const config: StandardSchema<
  DeliverMaildirOptions | undefined,
  { readonly domains: Readonly<Record<string, string>> }
> = z.strictObject({ domains: z.record(z.string().toLowerCase(), directory).default({}) }).prefault({});
