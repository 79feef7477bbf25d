/** The options of `storeLmdb`. */
import { z } from 'zod';

/** The schema; unknown keys are errors. */
export const storeLmdbConfig = z.strictObject({
  directory: z.string().min(1).describe('Where mailboxes and messages are kept; made when it is missing.'),
  inlineBytesMax: z
    .int()
    .min(0)
    .max(16_777_216)
    .default(65_536)
    .describe('Message bodies up to this size stand in the database, larger ones in files.'),
  changeLogMax: z
    .int()
    .min(1)
    .default(50_000)
    .describe('About how many changes each mailbox remembers for clients that come back.'),
  cachedEntriesMax: z
    .int()
    .min(100)
    .default(300_000)
    .describe(
      'Messages whose flags and sizes are kept in memory, over all mailboxes; about 250 octets each.',
    ),
  cachedMessagesMax: z
    .int()
    .min(1)
    .default(10_000)
    .describe('Messages whose envelope and structure are kept in memory; about 2 KB each.'),
  hasTextIndex: z
    .boolean()
    .default(false)
    .describe(
      'Keeps an index of texts, so that searches look only at messages that may match; about 2 KB a message.',
    ),
  trashDaysMax: z
    .number()
    .positive()
    .optional()
    .describe(
      'Messages that have been in Trash for so many days are removed; they stay when it is not given.',
    ),
  junkDaysMax: z
    .number()
    .positive()
    .optional()
    .describe(
      'Messages that have been in Junk for so many days are removed; they stay when it is not given.',
    ),
});

/** The checked options. */
export type StoreLmdbConfig = z.output<typeof storeLmdbConfig>;

/** The options as they are written. */
export type StoreLmdbInput = z.input<typeof storeLmdbConfig>;
