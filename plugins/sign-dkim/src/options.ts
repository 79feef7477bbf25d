/** What the plugin can be told. */
import { z } from 'zod';

const minute = 60_000;
const day = 86_400_000;

/** Fields that say who, what and to whom: nobody may change or add to them. */
const oversigned = [
  'from',
  'to',
  'cc',
  'subject',
  'date',
  'message-id',
  'reply-to',
  'in-reply-to',
  'references',
];
/** Fields that are signed when they are there. */
const signed = [
  'sender',
  'mime-version',
  'content-type',
  'content-transfer-encoding',
  'content-id',
  'list-id',
  'list-help',
  'list-unsubscribe',
  'list-unsubscribe-post',
  'list-subscribe',
  'list-post',
  'list-owner',
  'list-archive',
];

const fieldNames = z.array(
  z
    .string()
    .toLowerCase()
    .regex(/^[!-9;-~]+$/, 'the name of a header field'),
);

/** The configuration. */
export const config = z.strictObject({
  directory: z.string().describe('where the keys are, a folder for each domain'),
  canonicalization: z
    .enum(['relaxed/relaxed', 'relaxed/simple', 'simple/simple'])
    .describe('of header and body: how much may change on the way')
    .default('relaxed/relaxed'),
  oversigned: fieldNames.describe('fields that nobody may add to').default(oversigned),
  signed: fieldNames.describe('fields that are signed when they are there').default(signed),
  expireMs: z
    .int()
    .min(day)
    .describe('how long a signature holds')
    .default(14 * day),
  refreshMs: z.int().min(100).describe('how often keys and their records are looked at').default(minute),
  retireMs: z
    .int()
    .min(0)
    .describe('how long a key stays published after another took its place')
    .default(14 * day),
  waitsForDns: z.boolean().describe('whether a key signs only once its record is published').default(true),
});

/** The configuration, checked. */
export type SignDkimConfig = z.output<typeof config>;
/** The configuration as it is written. */
export type SignDkimOptions = z.input<typeof config>;
