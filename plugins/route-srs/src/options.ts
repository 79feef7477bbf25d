/** What the plugin can be told. */
import { z } from 'zod';

/** The configuration. */
export const config = z.strictObject({
  domain: z.string().toLowerCase().describe('what forwarded mail comes from; its SPF must allow us'),
  secrets: z
    .array(z.string().min(16))
    .min(1)
    .describe('what addresses are signed with; the first signs, all of them are believed'),
  localDomains: z
    .array(z.string().toLowerCase())
    .describe('domains whose own reverse-paths are left as they are')
    .default([]),
  daysMax: z.int().min(1).max(500).describe('how long bounces are taken').default(14),
});

/** The configuration, checked. */
export type RouteSrsConfig = z.output<typeof config>;
/** The configuration as it is written. */
export type RouteSrsOptions = z.input<typeof config>;
