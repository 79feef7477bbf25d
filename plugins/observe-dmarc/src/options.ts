/** What the plugin can be told. */
import { parseAddress } from '@postroad/core';
import { z } from 'zod';

const second = 1_000;
const day = 86_400_000;

const address = z
  .string()
  .transform((text) => text.toLowerCase())
  .refine((text) => parseAddress(text) !== undefined, 'a mail address');

/** The configuration. */
export const config = z.strictObject({
  directory: z.string().describe('where reports are gathered'),
  address: address.describe('who sends our reports, and whom to ask about them'),
  organization: z.string().describe('our name in reports; the server’s by default').optional(),
  sends: z.boolean().describe('whether reports are sent').default(true),
  receives: z.array(address).describe('addresses that the reports of others come to').default([]),
  flushMs: z.int().min(100).describe('how long results stay in memory only').default(second),
  checkMs: z
    .int()
    .min(100)
    .describe('how often ended days are looked for')
    .default(600 * second),
  jitterMs: z
    .int()
    .min(0)
    .describe('reports are sent up to this long after midnight UTC')
    .default(7_200 * second),
  rowsMax: z.int().min(1).describe('different rows of a day; more are not counted').default(200_000),
  keepMs: z
    .int()
    .min(day)
    .describe('how long days that were sent, and reports that came, are kept')
    .default(60 * day),
});

/** The configuration, checked. */
export type ObserveDmarcConfig = z.output<typeof config>;
/** The configuration as it is written. */
export type ObserveDmarcOptions = z.input<typeof config>;
