/** The options of the plugin. */
import type { StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** Which domain of a message is asked for. */
export type DomainOf = 'helo' | 'sender' | 'clientName' | 'from';

/** What a list's answer means: points, or what to do at once. */
export type CodeMeaning = number | 'reject' | 'allow' | 'ignore';

/** One list. */
export interface DnsListOptions {
  /** Where it is asked, such as `bl.example`. */
  readonly zone: string;
  /** Default `block`. */
  readonly kind?: 'block' | 'allow' | undefined;
  /** What it lists: `address` (the default), or domains, and then those of which of the message's parts. */
  readonly of?: 'address' | readonly DomainOf[] | undefined;
  /** Points for being listed; default 3 for a block list, -3 for an allow list. */
  readonly weight?: number | undefined;
  /** `reject` refuses every recipient by this list alone; default `score`. */
  readonly action?: 'score' | 'reject' | undefined;
  /** What single answers mean: `127.0.0.2`, `127.0.0.4-7`, `127.0.2.*`. Answers that none names are then ignored. */
  readonly codes?: Readonly<Record<string, CodeMeaning>> | undefined;
  /** How long an answer may take; default 5 seconds. */
  readonly timeoutMs?: number | undefined;
  /** When the list can't be asked: `defer` (the default) the recipient, or `skip` the list. */
  readonly onError?: 'defer' | 'skip' | undefined;
  /** Whether it has the test entries of RFC 5782; default true. Without them its health is not watched. */
  readonly hasTestEntries?: boolean | undefined;
}

/** What a user may write. */
export interface CheckDnsblOptions {
  readonly lists: readonly DnsListOptions[];
  /** The sum of the lists' weights from which a recipient is refused; without it only `action: 'reject'` refuses. */
  readonly rejectScore?: number | undefined;
  /** Client addresses and networks that are not asked for; by default loopback and private ones. */
  readonly exemptClients?: readonly string[] | undefined;
  /** Local parts that are never refused; default `postmaster` and `abuse`. */
  readonly exemptRecipients?: readonly string[] | undefined;
  /** Time between looks at each list's health; default 10 minutes. */
  readonly healthEveryMs?: number | undefined;
  /** How long an answer is remembered above what the resolver remembers of it; default 30 seconds, 0 not at all. */
  readonly cacheMs?: number | undefined;
  /** What a refused client hears. */
  readonly text?: string | undefined;
}

const zone = z
  .string()
  .regex(/^(?=.{1,200}$)[a-z0-9_-]+(\.[a-z0-9_-]+)*$/i, 'is no domain name')
  .toLowerCase();
const meaning = z.union([z.number(), z.literal(['reject', 'allow', 'ignore'])]);

const list = z.strictObject({
  zone,
  kind: z.literal(['block', 'allow']).default('block'),
  of: z
    .union([z.literal('address'), z.array(z.literal(['helo', 'sender', 'clientName', 'from'])).min(1)])
    .default('address'),
  weight: z.number().optional(),
  action: z.literal(['score', 'reject']).default('score'),
  codes: z.record(z.string(), meaning).optional(),
  timeoutMs: z.number().int().min(10).max(20_000).default(5_000),
  onError: z.literal(['defer', 'skip']).default('defer'),
  hasTestEntries: z.boolean().default(true),
});

/** A list with its defaults. */
export type DnsList = z.output<typeof list>;

const schema = z.strictObject({
  lists: z.array(list).min(1).max(50),
  rejectScore: z.number().optional(),
  exemptClients: z
    .array(z.string())
    .default(['127.0.0.0/8', '::1', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7']),
  exemptRecipients: z.array(z.string().toLowerCase()).default(['postmaster', 'abuse']),
  healthEveryMs: z.number().int().min(1_000).default(600_000),
  cacheMs: z.number().int().min(0).max(3_600_000).default(30_000),
  text: z.string().min(1).default('service refused, the client or sender is on a block list'),
});

/** The options with their defaults. */
export type CheckDnsblConfig = z.output<typeof schema>;

/** The schema. */
export const config: StandardSchema<CheckDnsblOptions, CheckDnsblConfig> = schema;
