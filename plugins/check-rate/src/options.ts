/** The options of the plugin. */
import type { StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** When a limit is asked. */
export type RatePoint = 'connect' | 'reversePath' | 'recipient' | 'message';

/** What a limit counts by. */
export type RateField =
  | 'client'
  | 'network'
  | 'helo'
  | 'user'
  | 'sender'
  | 'senderDomain'
  | 'recipient'
  | 'recipientDomain'
  | 'listener';

/** One limit. */
export interface RateLimitOptions {
  /** For the log and the counters' keys; `at` and `by` by default. Two limits of one name share their count. */
  readonly name?: string | undefined;
  readonly at: RatePoint;
  /** Each combination of these has a count of its own; none: one count for all. */
  readonly by: readonly RateField[];
  /** So many units ... */
  readonly units: number;
  /** ... in so much time. */
  readonly perMs: number;
  /** Units that may come at once after a pause; `units` by default. */
  readonly burst?: number | undefined;
  /** What is counted at `message`: messages (the default), their recipients, or their octets. */
  readonly count?: 'messages' | 'recipients' | 'octets' | undefined;
  /** Whom it is for; default `all`. */
  readonly who?: 'all' | 'strangers' | 'users' | undefined;
}

/** What a user may write. */
export interface CheckRateOptions {
  readonly limits: readonly RateLimitOptions[];
  /** How much of an address is its network: default `{ four: 24, six: 64 }`. */
  readonly networkBits?:
    | { readonly four?: number | undefined; readonly six?: number | undefined }
    | undefined;
  /** Client addresses and networks without limits; none by default. */
  readonly exemptClients?: readonly string[] | undefined;
  /** When the counters can't be asked: `defer` (the default) or `skip` the limits. */
  readonly onError?: 'defer' | 'skip' | undefined;
}

/** What is known at each point. */
const known: Readonly<Record<RatePoint, readonly RateField[]>> = {
  connect: ['client', 'network', 'listener'],
  reversePath: ['client', 'network', 'listener', 'helo', 'user', 'sender', 'senderDomain'],
  recipient: [
    'client',
    'network',
    'listener',
    'helo',
    'user',
    'sender',
    'senderDomain',
    'recipient',
    'recipientDomain',
  ],
  message: ['client', 'network', 'listener', 'helo', 'user', 'sender', 'senderDomain'],
};

const limit = z
  .strictObject({
    name: z
      .string()
      .regex(/^[\w.-]{1,60}$/)
      .optional(),
    at: z.literal(['connect', 'reversePath', 'recipient', 'message']),
    by: z.array(
      z.literal([
        'client',
        'network',
        'helo',
        'user',
        'sender',
        'senderDomain',
        'recipient',
        'recipientDomain',
        'listener',
      ]),
    ),
    units: z.number().positive(),
    perMs: z.number().int().min(1),
    burst: z.number().positive().optional(),
    count: z.literal(['messages', 'recipients', 'octets']).default('messages'),
    who: z.literal(['all', 'strangers', 'users']).default('all'),
  })
  .refine(({ at, by }) => by.every((field) => known[at].includes(field)), {
    message: 'counts by something that is not known at that point',
    path: ['by'],
  })
  .refine(({ at, count }) => count === 'messages' || at === 'message', {
    message: 'recipients and octets are counted at message',
    path: ['count'],
  });

/** A limit with its defaults. */
export type RateLimit = z.output<typeof limit>;

const schema = z.strictObject({
  limits: z.array(limit).min(1).max(100),
  networkBits: z
    .strictObject({
      four: z.number().int().min(8).max(32).default(24),
      six: z.number().int().min(16).max(128).default(64),
    })
    .prefault({}),
  exemptClients: z.array(z.string()).default([]),
  onError: z.literal(['defer', 'skip']).default('defer'),
});

/** The options with their defaults. */
export type CheckRateConfig = z.output<typeof schema>;

/** The schema. */
export const config: StandardSchema<CheckRateOptions, CheckRateConfig> = schema;
