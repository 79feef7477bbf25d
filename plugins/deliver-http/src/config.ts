/** The options of the plugin. */
import type { StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** A web server that takes mail. */
export interface HttpEndpoint {
  readonly url: string;
  /** The secret that requests are signed with. */
  readonly secret?: string | undefined;
  /** Fields to send with each request, such as Authorization. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Domains whose mail goes to it. */
  readonly domains?: readonly string[] | undefined;
  readonly timeoutMs?: number | undefined;
}

/** What a user may write. */
export interface DeliverHttpOptions {
  /** Endpoints by name. */
  readonly endpoints: Readonly<Record<string, HttpEndpoint>>;
}

/** An endpoint with its defaults. */
export interface CheckedEndpoint {
  readonly url: string;
  readonly secret?: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly domains: readonly string[];
  readonly timeoutMs: number;
}

/** The options with their defaults. */
export interface DeliverHttpConfig {
  readonly endpoints: Readonly<Record<string, CheckedEndpoint>>;
}

const endpoint = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  secret: z.string().min(16).optional(),
  headers: z
    .record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/), z.string().regex(/^[\t -~]*$/))
    .default({}),
  domains: z.array(z.string().toLowerCase()).default([]),
  timeoutMs: z.number().int().min(1).max(3_600_000).default(60_000),
});

/** The schema. */
export const config: StandardSchema<DeliverHttpOptions, DeliverHttpConfig> = z.strictObject({
  endpoints: z.record(z.string().min(1), endpoint),
});
