/** What the plugin can be told. */
import { z } from 'zod';

const second = 1_000;
const checks = ['iprev', 'spf', 'dkim', 'dmarc', 'arc', 'bimi'] as const;

/** The configuration. */
export const config = z
  .strictObject({
    checks: z
      .array(z.enum(checks))
      .describe('what is looked at')
      .default(['iprev', 'spf', 'dkim', 'dmarc', 'arc']),
    trustedSealers: z
      .array(z.string().toLowerCase())
      .describe('domains whose ARC seals are believed')
      .default([]),
    workers: z.int().min(1).max(64).describe('threads, started when they are needed').default(2),
    jobsMax: z.int().min(1).max(1_000).describe('messages at once in one thread').default(32),
    waitingMax: z.int().min(0).max(100_000).describe('messages that wait for a thread').default(1_000),
    timeoutMs: z
      .int()
      .min(100)
      .max(50 * second)
      .describe('for all checks of one message')
      .default(20 * second),
    signaturesMax: z.int().min(1).max(50).describe('DKIM signatures that are looked at').default(8),
    rsaBitsMin: z.int().min(1_024).max(4_096).describe('shorter RSA keys prove nothing').default(1_024),
    spfLookupsMax: z.int().min(1).max(10).describe('look-ups for SPF (RFC 7208 section 4.6.4)').default(10),
    spfVoidLookupsMax: z.int().min(1).max(10).describe('of these, ones with no answer').default(2),
    questionsMax: z.int().min(10).max(1_000).describe('questions to DNS for one message').default(100),
  })
  .prefault({});

/** The configuration, checked. */
export type CheckAuthConfig = z.output<typeof config>;
/** The configuration as it is written. */
export type CheckAuthOptions = z.input<typeof config>;
