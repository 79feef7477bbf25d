/** The options of the plugin. */
import { readFileSync } from 'node:fs';
import { MailError, type StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** What a user may write. */
export interface RouteReturnOptions {
  /** The domain of the return paths; its MX must lead here. */
  readonly domain: string;
  /** Proves that a report answers a message of ours; at least 16 characters. Changing it makes older paths void. */
  readonly secret?: string | undefined;
  /** A file with the secret, instead of it. */
  readonly secretFile?: string | undefined;
  /** Domains of senders whose messages get return paths, or `*.domain`; none by default. */
  readonly senders?: readonly string[] | undefined;
  /** How long a report may take; default 14 days. */
  readonly days?: number | undefined;
  /** Addresses that complaints and other reports are sent to. */
  readonly reportAddresses?: readonly string[] | undefined;
}

/** The options with their defaults. */
export interface RouteReturnConfig {
  readonly domain: string;
  readonly secret?: string | undefined;
  readonly secretFile?: string | undefined;
  readonly senders: readonly string[];
  readonly days: number;
  readonly reportAddresses: readonly string[];
}

/** The schema. */
export const config: StandardSchema<RouteReturnOptions, RouteReturnConfig> = z
  .strictObject({
    domain: z
      .string()
      .regex(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/, 'Invalid domain')
      .toLowerCase(),
    secret: z.string().min(16).optional(),
    secretFile: z.string().min(1).optional(),
    senders: z.array(z.string().min(1).toLowerCase()).default([]),
    days: z.number().int().min(1).max(60).default(14),
    reportAddresses: z.array(z.email().toLowerCase()).default([]),
  })
  .refine(({ secret, secretFile }) => (secret === undefined) !== (secretFile === undefined), {
    error: 'give one of secret and secretFile',
  });

/** The secret itself; throws `E_CONFIG` when its file does not hold one. */
export function secretOf({ secret, secretFile }: RouteReturnConfig): string {
  if (secret !== undefined) return secret;
  let text = '';
  try {
    text = readFileSync(secretFile as string, 'utf8').trim();
  } catch (cause) {
    throw new MailError('E_CONFIG', `route-return: the secret can not be read from ${secretFile}`, { cause });
  }
  if (text.length >= 16) return text;
  throw new MailError('E_CONFIG', `route-return: the secret in ${secretFile} is shorter than 16 characters`);
}
