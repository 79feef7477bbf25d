/** The options of the plugin. */
import type { StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** What a user may write. */
export interface CheckRspamdOptions {
  /** Such as `http://127.0.0.1:11333`, or `unix:/run/rspamd/worker.sock`. */
  readonly servers: readonly string[];
  /** `first`: the others only when the first fails; `turn`: each in turn. */
  readonly order?: 'first' | 'turn' | undefined;
  /** How long one server may take. */
  readonly timeoutMs?: number | undefined;
  /** How long all servers together may take. */
  readonly deadlineMs?: number | undefined;
  /** How long a server that failed is asked only after the others. */
  readonly pauseMs?: number | undefined;
  /** When no server answers: `defer` refuses for now, `skip` lets the message through unjudged. */
  readonly onError?: 'defer' | 'skip' | undefined;
  readonly password?: string | undefined;
  /** The settings of rspamd to use, by id. */
  readonly settingsId?: string | undefined;
  /** Have all rules run, also when the action is clear already. */
  readonly passAll?: boolean | undefined;
  /** Find the client's name by DNS and tell it. */
  readonly lookUpName?: boolean | undefined;
  /** What the action `greylist` means, which rspamd's own greylisting turns into `soft reject` when it is on. */
  readonly greylist?: 'accept' | 'defer' | undefined;
  /** What the action `add header` does besides the field. */
  readonly addHeader?: 'accept' | 'quarantine' | undefined;
  /** What the action `reject` does. */
  readonly reject?: 'reject' | 'quarantine' | 'accept' | undefined;
  /** Whether rspamd may change the message and its envelope. */
  readonly rewrite?: boolean | undefined;
  /** Most octets of a content that rspamd writes anew. */
  readonly rewrittenOctetsMax?: number | undefined;
}

/** The options with their defaults. */
export interface CheckRspamdConfig extends CheckRspamdOptions {
  readonly order: 'first' | 'turn';
  readonly timeoutMs: number;
  readonly deadlineMs: number;
  readonly pauseMs: number;
  readonly onError: 'defer' | 'skip';
  readonly passAll: boolean;
  readonly lookUpName: boolean;
  readonly greylist: 'accept' | 'defer';
  readonly addHeader: 'accept' | 'quarantine';
  readonly reject: 'reject' | 'quarantine' | 'accept';
  readonly rewrite: boolean;
  readonly rewrittenOctetsMax: number;
}

const server = z.union([
  z.url({ protocol: /^https?$/ }),
  z.string().regex(/^unix:\/[^\0]+$/, 'neither a URL nor unix:/path'),
]);
const word = z.string().regex(/^[!-~]{1,200}$/);

/** The schema. */
export const config: StandardSchema<CheckRspamdOptions, CheckRspamdConfig> = z.strictObject({
  servers: z.array(server).min(1).max(100),
  order: z.enum(['first', 'turn']).default('first'),
  timeoutMs: z.number().int().min(1).max(55_000).default(15_000),
  deadlineMs: z.number().int().min(1).max(55_000).default(40_000),
  pauseMs: z.number().int().min(0).max(3_600_000).default(30_000),
  onError: z.enum(['defer', 'skip']).default('defer'),
  password: word.optional(),
  settingsId: word.optional(),
  passAll: z.boolean().default(false),
  lookUpName: z.boolean().default(true),
  greylist: z.enum(['accept', 'defer']).default('accept'),
  addHeader: z.enum(['accept', 'quarantine']).default('accept'),
  reject: z.enum(['reject', 'quarantine', 'accept']).default('reject'),
  rewrite: z.boolean().default(true),
  rewrittenOctetsMax: z.number().int().min(1_000).max(1_073_741_824).default(104_857_600),
});
