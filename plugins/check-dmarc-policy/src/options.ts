/** What the plugin can be told. */
import { z } from 'zod';

/** The configuration. */
export const config = z
  .strictObject({
    onReject: z
      .enum(['reject', 'quarantine', 'note'])
      .describe('what happens when the domain asks for a refusal')
      .default('reject'),
    onQuarantine: z
      .enum(['quarantine', 'note'])
      .describe('what happens when the domain asks for a quarantine')
      .default('quarantine'),
    onTemporary: z
      .enum(['defer', 'note'])
      .describe('what happens when DMARC could not be checked for now')
      .default('defer'),
    onAmbiguous: z
      .enum(['reject', 'quarantine', 'note'])
      .describe('what happens without exactly one From')
      .default('reject'),
    trustsArc: z
      .boolean()
      .describe('whether a chain of trusted sealers that says dmarc=pass is believed')
      .default(true),
    exemptDomains: z
      .array(z.string().toLowerCase())
      .describe('domains of From that are only noted, with what is under them')
      .default([]),
    exemptClients: z
      .array(z.string().regex(/^[0-9a-f.:]+(?:\/\d{1,3})?$/i, 'an address or a network'))
      .describe('addresses and networks of forwarders that are only noted')
      .default([]),
  })
  .prefault({});

/** The configuration, checked. */
export type CheckDmarcPolicyConfig = z.output<typeof config>;
/** The configuration as it is written. */
export type CheckDmarcPolicyOptions = z.input<typeof config>;
