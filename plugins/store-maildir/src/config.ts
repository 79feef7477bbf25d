/** The options of `storeMaildir`. */
import { z } from 'zod';

/** The schema; unknown keys are errors. */
export const storeMaildirConfig = z.strictObject({
  directory: z
    .string()
    .min(1)
    .describe('The directory that all Maildirs are below; made when it is missing.'),
  path: z
    .string()
    .regex(/^[^/]/, 'the path is relative to the directory')
    .regex(/\{(?:account|localPart)\}/, 'the path needs {account} or {localPart}')
    .default('{account}')
    .describe(
      'Where in it the Maildir of an account is; `{account}` is its id, `{localPart}` and `{domain}` are the parts of the id.',
    ),
  changeLogMax: z
    .int()
    .min(1)
    .default(50_000)
    .describe('About how many removed messages each mailbox remembers for clients that come back.'),
  cachedMessagesMax: z
    .int()
    .min(1)
    .default(10_000)
    .describe('Messages whose envelope and structure are kept in memory; about 2 KB each.'),
  openAccountsMax: z
    .int()
    .min(1)
    .default(1_000)
    .describe('Accounts kept in memory when nobody uses them; those in use come on top.'),
  lookEverySeconds: z
    .number()
    .min(1)
    .default(30)
    .describe(
      'How often a watched Maildir is looked at even when the system tells of no change, as on network file systems.',
    ),
});

/** The checked options. */
export type StoreMaildirConfig = z.output<typeof storeMaildirConfig>;

/** The options as they are written. */
export type StoreMaildirInput = z.input<typeof storeMaildirConfig>;
