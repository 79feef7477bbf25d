/** The options of the plugin. */
import type { StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** What a rule does: refuse for good, refuse for now, add points (0 only notes it), or nothing. */
export type RuleAction = 'reject' | 'defer' | 'off' | number;

/** What a user may write. */
export interface CheckClientOptions {
  /** Says something before it is greeted; default `reject`. */
  readonly earlyTalker?: RuleAction | undefined;
  /** How long the greeting of an unknown client waits for that; default 1 second, 0 does not look. */
  readonly greetingWaitMs?: number | undefined;
  /** Calls itself by our name, or one of `ourNames`; default `reject`. */
  readonly ourHello?: RuleAction | undefined;
  /** Names of ours, beside the server's, that no stranger may use in HELO. */
  readonly ourNames?: readonly string[] | undefined;
  /** Calls itself by an address that is not its own; default `reject`. */
  readonly wrongLiteral?: RuleAction | undefined;
  /** Calls itself by something that is neither a full name nor an address in brackets; default 2 points. */
  readonly bareHello?: RuleAction | undefined;
  /** The name it calls itself by does not exist; default 1 point. */
  readonly unknownHello?: RuleAction | undefined;
  /** That name exists and leads elsewhere; default 0 points, for large senders do this. */
  readonly otherHello?: RuleAction | undefined;
  /** Its address has no name (PTR); default 2 points. */
  readonly noReverseName?: RuleAction | undefined;
  /** None of its address's names leads back to the address; default 1 point. */
  readonly unconfirmedReverseName?: RuleAction | undefined;
  /** Sends on behind EHLO, HELO or DATA without waiting for the answer; default 3 points. */
  readonly badPipelining?: RuleAction | undefined;
  /** When a name can't be looked up, where its rule refuses: `defer` (the default) or `skip` the rule. */
  readonly onError?: 'defer' | 'skip' | undefined;
  /** Refusals for good of one address within an hour before it is turned away; default 50, 0 never. */
  readonly errorsMax?: number | undefined;
  /** For how long it is turned away; default 1 hour. */
  readonly banMs?: number | undefined;
  /** Connections open at once of one address; default 20. */
  readonly connectionsPerAddressMax?: number | undefined;
  /** Connections open at once of one network; default 50. */
  readonly connectionsPerNetworkMax?: number | undefined;
  readonly networkBits?:
    | { readonly four?: number | undefined; readonly six?: number | undefined }
    | undefined;
  /** Errors on one connection before its answers begin to wait; default 3, 0 never. */
  readonly tarpitAfter?: number | undefined;
  /** How much each further error makes an answer wait; default 1 second. */
  readonly tarpitStepMs?: number | undefined;
  /** The longest wait; default 10 seconds. */
  readonly tarpitMsMax?: number | undefined;
  /** Most answers that wait at once; beyond it nobody waits. Default 1,000. */
  readonly tarpitsMax?: number | undefined;
  /** Client addresses and networks that are not looked at; loopback and private ones by default. */
  readonly exemptClients?: readonly string[] | undefined;
}

const action = z.union([z.literal(['reject', 'defer', 'off']), z.number()]);
const count = (value: number) => z.number().int().min(0).default(value);

const schema = z.strictObject({
  earlyTalker: action.default('reject'),
  greetingWaitMs: z.number().int().min(0).max(20_000).default(1_000),
  ourHello: action.default('reject'),
  ourNames: z.array(z.string().toLowerCase()).default([]),
  wrongLiteral: action.default('reject'),
  bareHello: action.default(2),
  unknownHello: action.default(1),
  otherHello: action.default(0),
  noReverseName: action.default(2),
  unconfirmedReverseName: action.default(1),
  badPipelining: action.default(3),
  onError: z.literal(['defer', 'skip']).default('defer'),
  errorsMax: count(50),
  banMs: z.number().int().min(1_000).default(3_600_000),
  connectionsPerAddressMax: z.number().int().min(1).default(20),
  connectionsPerNetworkMax: z.number().int().min(1).default(50),
  networkBits: z
    .strictObject({
      four: z.number().int().min(8).max(32).default(24),
      six: z.number().int().min(16).max(128).default(64),
    })
    .prefault({}),
  tarpitAfter: count(3),
  tarpitStepMs: z.number().int().min(1).max(10_000).default(1_000),
  tarpitMsMax: z.number().int().min(1).max(20_000).default(10_000),
  tarpitsMax: z.number().int().min(0).default(1_000),
  exemptClients: z
    .array(z.string())
    .default(['127.0.0.0/8', '::1', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7']),
});

/** The options with their defaults. */
export type CheckClientConfig = z.output<typeof schema>;

/** The rules that have an action of their own. */
export type RuleName =
  | 'earlyTalker'
  | 'ourHello'
  | 'wrongLiteral'
  | 'bareHello'
  | 'unknownHello'
  | 'otherHello'
  | 'noReverseName'
  | 'unconfirmedReverseName'
  | 'badPipelining';

/** The schema. */
export const config: StandardSchema<CheckClientOptions, CheckClientConfig> = schema;
