/** The options of the plugin. */
import { type PeerAddress, parsePeerAddress, type StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** What a user may write. */
export interface CheckSpamassassinOptions {
  /** `host:port` or `unix:/path` of each spamd. */
  readonly servers: readonly string[];
  /** `turn` spreads the load; `first` asks the others only when the first fails. */
  readonly order?: 'first' | 'turn' | undefined;
  /** How long one server may take. */
  readonly timeoutMs?: number | undefined;
  /** How long all servers together may take. */
  readonly deadlineMs?: number | undefined;
  /** How long a server that failed is asked only after the others. */
  readonly pauseMs?: number | undefined;
  /** When no server answers: `defer` refuses for now, `skip` lets the message through unjudged. */
  readonly onError?: 'defer' | 'skip' | undefined;
  /** Whose preferences count: those of the only recipient, by address or by local part, or of who is logged in. */
  readonly userBy?: 'none' | 'recipient' | 'localPart' | 'login' | undefined;
  /** The user when `userBy` gives none, as with several recipients. */
  readonly user?: string | undefined;
  /** What SpamAssassin may change: its fields and marked subjects, or the whole message as with `report_safe`. */
  readonly rewrite?: 'none' | 'header' | 'message' | undefined;
  /** What happens to spam; `accept` leaves it to the findings. */
  readonly onSpam?: 'accept' | 'quarantine' | 'reject' | undefined;
  /** From this score on it is refused, whatever `onSpam` says. */
  readonly rejectScore?: number | undefined;
  /** Larger messages are not judged. */
  readonly sizeBytesMax?: number | undefined;
}

/** The options with their defaults. */
export interface CheckSpamassassinConfig extends Omit<CheckSpamassassinOptions, 'servers'> {
  readonly servers: readonly PeerAddress[];
  readonly order: 'first' | 'turn';
  readonly timeoutMs: number;
  readonly deadlineMs: number;
  readonly pauseMs: number;
  readonly onError: 'defer' | 'skip';
  readonly userBy: 'none' | 'recipient' | 'localPart' | 'login';
  readonly rewrite: 'none' | 'header' | 'message';
  readonly onSpam: 'accept' | 'quarantine' | 'reject';
  readonly sizeBytesMax: number;
}

const server = z.string().transform((text, context): PeerAddress => {
  const address = parsePeerAddress(text);
  if (address !== undefined) return address;
  context.addIssue({ code: 'custom', message: 'neither host:port nor unix:/path' });
  return z.NEVER;
});

/** The schema. */
export const config: StandardSchema<CheckSpamassassinOptions, CheckSpamassassinConfig> = z.strictObject({
  servers: z.array(server).min(1).max(100),
  order: z.enum(['first', 'turn']).default('turn'),
  timeoutMs: z.number().int().min(1).max(55_000).default(30_000),
  deadlineMs: z.number().int().min(1).max(55_000).default(50_000),
  pauseMs: z.number().int().min(0).max(3_600_000).default(30_000),
  onError: z.enum(['defer', 'skip']).default('defer'),
  userBy: z.enum(['none', 'recipient', 'localPart', 'login']).default('none'),
  user: z
    .string()
    .regex(/^[\w.@+=-]{1,200}$/, 'not a user name')
    .optional(),
  rewrite: z.enum(['none', 'header', 'message']).default('header'),
  onSpam: z.enum(['accept', 'quarantine', 'reject']).default('accept'),
  rejectScore: z.number().optional(),
  sizeBytesMax: z.number().int().min(1).default(524_288),
});
