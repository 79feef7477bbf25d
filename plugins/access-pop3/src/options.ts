/** What `accessPop3` takes, and how it is checked. */
import type { ListenerTls, StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** One port. */
export interface Pop3ListenOptions {
  /** 0 lets the system choose. */
  readonly port: number;
  /** The address to bind; all by default. */
  readonly host?: string | undefined;
  /** `starttls` (default): the client may upgrade; `implicit`: TLS from the first octet; `none`: never. */
  readonly tls?: ListenerTls | undefined;
  /** Passwords without TLS; only on a loopback `host`. */
  readonly plaintextAuth?: boolean | undefined;
}

/** Bounds of connections and commands. */
export interface Pop3Limits {
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  readonly lineOctetsMax: number;
  readonly loginTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly loginFailuresMax: number;
  readonly loginFailureDelayMs: number;
  readonly badCommandsMax: number;
}

/** What `accessPop3` takes: one port, or a list of them in `listen`. */
export interface AccessPop3Options {
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  readonly tls?: ListenerTls | undefined;
  readonly plaintextAuth?: boolean | undefined;
  readonly listen?: readonly Pop3ListenOptions[] | undefined;
  /** Messages that were retrieved are marked as seen at QUIT; default true. */
  readonly markSeen?: boolean | undefined;
  /**
   * What a client that has not said UTF8 (RFC 6856) gets of a message with UTF-8 in its header: the message as it is
   * (default), or an error.
   */
  readonly utf8Messages?: 'asIs' | 'refuse' | undefined;
  readonly limits?: { readonly [K in keyof Pop3Limits]?: Pop3Limits[K] | undefined } | undefined;
}

/** The checked options. */
export interface AccessPop3Config extends AccessPop3Options {
  readonly markSeen: boolean;
  readonly utf8Messages: 'asIs' | 'refuse';
  readonly limits: Pop3Limits;
}

const positive = z.number().int().positive();
const listenSchema = z.strictObject({
  port: z.number().int().min(0).max(65_535),
  host: z.string().min(1).optional(),
  tls: z.enum(['implicit', 'starttls', 'none']).optional(),
  plaintextAuth: z.boolean().optional(),
});
const limitsSchema = z
  .strictObject({
    connectionsMax: positive.default(10_000),
    connectionsPerAddressMax: positive.default(200),
    // RFC 5034 section 4: the lines of an exchange have up to 12,288 octets; a token needs them.
    lineOctetsMax: positive.min(255).default(12_288),
    loginTimeoutMs: positive.default(120_000),
    // RFC 1939 section 3: at least ten minutes.
    idleTimeoutMs: positive.default(600_000),
    loginFailuresMax: positive.default(5),
    loginFailureDelayMs: z.number().int().min(0).default(1_000),
    badCommandsMax: positive.default(20),
  })
  .prefault({});

/** The schema of the options. */
export const accessPop3Schema: StandardSchema<AccessPop3Options, AccessPop3Config> = z
  .strictObject({
    ...listenSchema.partial().shape,
    listen: z.array(listenSchema).min(1).max(20).optional(),
    markSeen: z.boolean().default(true),
    utf8Messages: z.enum(['asIs', 'refuse']).default('asIs'),
    limits: limitsSchema,
  })
  .superRefine((config, context) => {
    if ((config.port === undefined) === (config.listen === undefined)) {
      context.addIssue({ code: 'custom', path: ['port'], message: 'give either `port` or `listen`' });
    }
    for (const [index, { plaintextAuth, host }] of (config.listen ?? [config]).entries()) {
      if (plaintextAuth !== true || isLoopback(host)) continue;
      const path = config.listen === undefined ? ['plaintextAuth'] : ['listen', index, 'plaintextAuth'];
      context.addIssue({ code: 'custom', path, message: 'is only allowed on a loopback host' });
    }
  });

/** The ports of a configuration. */
export function listensOf(config: AccessPop3Config): readonly Pop3ListenOptions[] {
  if (config.listen !== undefined) return config.listen;
  const { port = 0, host, tls, plaintextAuth } = config;
  return [{ port, host, tls, plaintextAuth }];
}

function isLoopback(host: string | undefined): boolean {
  return host === 'localhost' || host === '::1' || (host !== undefined && /^127\.\d+\.\d+\.\d+$/.test(host));
}
