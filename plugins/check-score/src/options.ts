/** The options of the plugin. */
import { parseAddress, type StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** What a user may write. Thresholds that are absent are not used, but for `junk`. */
export interface CheckScoreOptions {
  /** From this sum on a message goes to Junk; default 5. */
  readonly junk?: number | undefined;
  /** From this sum on it goes to `quarantineTo` instead of its recipients. */
  readonly quarantine?: number | undefined;
  /** The address of those who look at quarantined mail. */
  readonly quarantineTo?: string | undefined;
  /** From this sum on it is refused; default 15. */
  readonly reject?: number | undefined;
  /** Points for results without points, or in their place: `source/result`, such as `spf/fail` or `check-client/bareHello`. */
  readonly points?: Readonly<Record<string, number>> | undefined;
  /** When a check failed and the rest does not refuse: `defer` (the default) the message, or `skip` the check. */
  readonly onError?: 'defer' | 'skip' | undefined;
  /** Sources whose failures never defer. */
  readonly skipErrorsOf?: readonly string[] | undefined;
  /** Which messages get `X-Spam-*` fields; default `all`. */
  readonly fields?: 'all' | 'spam' | 'none' | undefined;
  /** Whose messages are judged; default `strangers`. */
  readonly who?: 'strangers' | 'all' | undefined;
  /** What the sender of a refused message hears. */
  readonly text?: string | undefined;
}

/** What is known to say something although whoever finds it out gives no points. */
export const defaultPoints: Readonly<Record<string, number>> = {
  'spf/fail': 2,
  'spf/softfail': 1,
  'spf/permerror': 0.5,
  'dkim/fail': 0.5,
  'dkim/pass': -0.1,
  'dmarc/fail': 3,
  'dmarc/pass': -0.5,
  'arc/fail': 0.5,
  'iprev/fail': 0.5,
};

const schema = z
  .strictObject({
    junk: z.number().default(5),
    quarantine: z.number().optional(),
    quarantineTo: z
      .string()
      .refine((text) => parseAddress(text) !== undefined, 'is no mail address')
      .optional(),
    reject: z.number().default(15),
    points: z.record(z.string(), z.number()).default({}),
    onError: z.literal(['defer', 'skip']).default('defer'),
    skipErrorsOf: z.array(z.string()).default([]),
    fields: z.literal(['all', 'spam', 'none']).default('all'),
    who: z.literal(['strangers', 'all']).default('strangers'),
    text: z.string().min(1).default('the message looks like spam'),
  })
  .refine(({ quarantine, quarantineTo }) => (quarantine === undefined) === (quarantineTo === undefined), {
    message: 'quarantine and quarantineTo go together',
    path: ['quarantineTo'],
  });

/** The options with their defaults. */
export type CheckScoreConfig = z.output<typeof schema>;

/** The schema. */
export const config: StandardSchema<CheckScoreOptions, CheckScoreConfig> = schema;
