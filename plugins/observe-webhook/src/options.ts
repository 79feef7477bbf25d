/** The options of the plugin. */
import type { OutboxEvent, StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** A web server that wants to hear of events. */
export interface WebhookOptions {
  readonly url: string;
  /** The secret that requests are signed with; at least 16 characters. */
  readonly secret?: string | undefined;
  /** Fields to send with each request, such as Authorization. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Which events; `delivered`, `bounced`, `expired` and `dropped` by default. */
  readonly events?: readonly OutboxEvent['event'][] | undefined;
  /** Only events of messages of these tenants. */
  readonly tenants?: readonly string[] | undefined;
  readonly timeoutMs?: number | undefined;
}

/** What a user may write. */
export interface ObserveWebhookOptions {
  /** Web servers by name; a name stands in the queue for what waits for its server. */
  readonly webhooks: Readonly<Record<string, WebhookOptions>>;
}

/** A webhook with its defaults. */
export interface CheckedWebhook {
  readonly url: string;
  readonly secret?: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly events: readonly OutboxEvent['event'][];
  readonly tenants?: readonly string[] | undefined;
  readonly timeoutMs: number;
}

/** The options with their defaults. */
export interface ObserveWebhookConfig {
  readonly webhooks: Readonly<Record<string, CheckedWebhook>>;
}

const webhook = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  secret: z.string().min(16).optional(),
  headers: z
    .record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/), z.string().regex(/^[\t -~]*$/))
    .default({}),
  events: z
    .array(z.enum(['accepted', 'refused', 'delivered', 'deferred', 'bounced', 'expired', 'dropped']))
    .min(1)
    .default(['delivered', 'bounced', 'expired', 'dropped']),
  tenants: z.array(z.string().min(1)).optional(),
  timeoutMs: z.number().int().min(1).max(600_000).default(30_000),
});

/** The schema. */
export const config: StandardSchema<ObserveWebhookOptions, ObserveWebhookConfig> = z.strictObject({
  webhooks: z.record(z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'Invalid name'), webhook),
});
