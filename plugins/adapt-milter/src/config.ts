/** The options of the plugin. */
import { type PeerAddress, parsePeerAddress, type StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** One filter. */
export interface MilterOptions {
  /** For logs; the first server's address by default. */
  readonly name?: string | undefined;
  /** `host:port`, `inet:host:port` or `unix:/path`; several are the same filter, the next asked when one fails. */
  readonly servers: readonly string[];
  /** How long it may take for one answer. */
  readonly timeoutMs?: number | undefined;
  /** How long it may be silent at the end of a message; a sign of progress begins it anew. */
  readonly endTimeoutMs?: number | undefined;
  /** When it can not be asked: `defer` refuses for now, `skip` goes on without it. */
  readonly onError?: 'defer' | 'skip' | undefined;
}

/** What a user may write. */
export interface AdaptMilterOptions {
  /** The filters in the order in which they are asked; each sees what those before it have changed. */
  readonly milters: readonly (MilterOptions | string)[];
  /** Find the client's name by DNS and tell it. */
  readonly lookUpName?: boolean | undefined;
  /** Most octets of a content that a filter writes anew. */
  readonly contentOctetsMax?: number | undefined;
}

/** One filter with its defaults. */
export interface MilterConfig {
  readonly name: string;
  readonly servers: readonly PeerAddress[];
  readonly timeoutMs: number;
  readonly endTimeoutMs: number;
  readonly onError: 'defer' | 'skip';
}

/** The options with their defaults. */
export interface AdaptMilterConfig {
  readonly milters: readonly MilterConfig[];
  readonly lookUpName: boolean;
  readonly contentOctetsMax: number;
}

const server = z
  .string()
  .refine((text) => parsePeerAddress(text) !== undefined, 'neither host:port nor unix:/path');

const milter = z.strictObject({
  name: z.string().min(1).max(100).optional(),
  servers: z.array(server).min(1).max(20),
  timeoutMs: z.number().int().min(1).max(25_000).default(10_000),
  endTimeoutMs: z.number().int().min(1).max(55_000).default(50_000),
  onError: z.enum(['defer', 'skip']).default('defer'),
});

const filter = z
  .union([milter, server.transform((text) => milter.parse({ servers: [text] }))])
  .transform(({ servers, name, ...rest }): MilterConfig => {
    const addresses = servers.flatMap((text) => parsePeerAddress(text) ?? []);
    return { ...rest, name: name ?? servers[0] ?? '', servers: addresses };
  });

/** The schema. */
export const config: StandardSchema<AdaptMilterOptions, AdaptMilterConfig> = z.strictObject({
  milters: z.array(filter).min(1).max(20),
  lookUpName: z.boolean().default(true),
  contentOctetsMax: z.number().int().min(1_000).max(1_073_741_824).default(104_857_600),
});
