/** What the plugin can be told. */
import { z } from 'zod';

/** What a seal says of the message, and with it of its signatures; the chain itself is sealed apart. */
const signed = [
  'from',
  'to',
  'cc',
  'subject',
  'date',
  'message-id',
  'reply-to',
  'sender',
  'in-reply-to',
  'references',
  'mime-version',
  'content-type',
  'content-transfer-encoding',
  'list-id',
  'list-unsubscribe',
  'list-unsubscribe-post',
  'list-post',
  'dkim-signature',
];

/** The configuration. */
export const config = z.strictObject({
  domain: z.string().toLowerCase().describe('who seals: our own domain'),
  selector: z.string().describe('the selector of the key'),
  keyFile: z.string().describe('the private RSA key, in PEM'),
  signed: z
    .array(
      z
        .string()
        .toLowerCase()
        .regex(/^(?!arc-seal$)[!-9;-~]+$/, 'the name of a header field'),
    )
    .describe('fields that the seal covers when they are there')
    .default(signed),
});

/** The configuration, checked. */
export type SignArcConfig = z.output<typeof config>;
/** The configuration as it is written. */
export type SignArcOptions = z.input<typeof config>;
