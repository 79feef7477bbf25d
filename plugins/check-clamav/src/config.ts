/** The options of the plugin. */
import { type PeerAddress, parsePeerAddress, type StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** What a user may write. */
export interface CheckClamavOptions {
  /** `host:port` or `unix:/path` of each clamd. */
  readonly servers: readonly string[];
  /** `turn` spreads the load; `first` asks the others only when the first fails. */
  readonly order?: 'first' | 'turn' | undefined;
  /** How long one server may take. */
  readonly timeoutMs?: number | undefined;
  /** How long all servers together may take. */
  readonly deadlineMs?: number | undefined;
  /** How long a server that failed is asked only after the others. */
  readonly pauseMs?: number | undefined;
  /** When no server answers: `defer` refuses for now, `skip` lets the message through unscanned. */
  readonly onError?: 'defer' | 'skip' | undefined;
  /** What happens to a message with a virus; `accept` leaves it to the findings. */
  readonly onVirus?: 'reject' | 'quarantine' | 'discard' | 'accept' | undefined;
  /** The score of a finding about a virus. */
  readonly score?: number | undefined;
  /** Names of signatures that count as a finding without a score only, such as `Heuristics.*`. */
  readonly ignore?: readonly string[] | undefined;
  /** Messages above are not scanned; keep it at or below StreamMaxLength of clamd, which else answers with an error. */
  readonly sizeBytesMax?: number | undefined;
}

/** The options with their defaults. */
export interface CheckClamavConfig extends Omit<CheckClamavOptions, 'servers' | 'ignore'> {
  readonly servers: readonly PeerAddress[];
  readonly order: 'first' | 'turn';
  readonly timeoutMs: number;
  readonly deadlineMs: number;
  readonly pauseMs: number;
  readonly onError: 'defer' | 'skip';
  readonly onVirus: 'reject' | 'quarantine' | 'discard' | 'accept';
  readonly score: number;
  readonly ignore: readonly RegExp[];
}

const server = z.string().transform((text, context): PeerAddress => {
  const address = parsePeerAddress(text);
  if (address !== undefined) return address;
  context.addIssue({ code: 'custom', message: 'neither host:port nor unix:/path' });
  return z.NEVER;
});

const pattern = z
  .string()
  .min(1)
  .max(200)
  .transform((text) => new RegExp(`^${text.split('*').map(escapePattern).join('.*')}$`));

/** The schema. */
export const config: StandardSchema<CheckClamavOptions, CheckClamavConfig> = z.strictObject({
  servers: z.array(server).min(1).max(100),
  order: z.enum(['first', 'turn']).default('turn'),
  timeoutMs: z.number().int().min(1).max(55_000).default(25_000),
  deadlineMs: z.number().int().min(1).max(55_000).default(50_000),
  pauseMs: z.number().int().min(0).max(3_600_000).default(30_000),
  onError: z.enum(['defer', 'skip']).default('defer'),
  onVirus: z.enum(['reject', 'quarantine', 'discard', 'accept']).default('reject'),
  score: z.number().default(100),
  ignore: z.array(pattern).max(1_000).default([]),
  sizeBytesMax: z.number().int().min(1).optional(),
});

function escapePattern(text: string): string {
  return text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
}
