/** What `checkLoginAbuse` takes, and how it is checked. */
import { createAddressTest, type StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** When failures of one address, network or account cost something. */
export interface ScopeLimits {
  /** So many failures cost nothing; each further one makes the next answer slower. */
  readonly slowAfter: number;
  /** So many, and logins are put off for `banMs`. */
  readonly banAfter: number;
}

/** The checked options. */
export interface CheckLoginAbuseConfig {
  readonly address: ScopeLimits;
  readonly network: ScopeLimits;
  readonly account: ScopeLimits;
  readonly ipv6AddressBits: number;
  readonly ipv4NetworkBits: number;
  readonly ipv6NetworkBits: number;
  readonly windowMs: number;
  readonly delayMs: number;
  readonly delayMsMax: number;
  readonly pendingMax: number;
  readonly banMs: number;
  readonly banMsMax: number;
  readonly deviceMs: number;
  readonly deviceFailuresMax: number;
  readonly exempt: readonly string[];
}

/** Limits as they are written: what is left out has a default. */
export type SomeLimits = { readonly [K in keyof ScopeLimits]?: ScopeLimits[K] | undefined };

/** What `checkLoginAbuse` takes; every key has a default. */
export type CheckLoginAbuseOptions = {
  readonly [K in keyof CheckLoginAbuseConfig]?:
    | (CheckLoginAbuseConfig[K] extends ScopeLimits ? SomeLimits : CheckLoginAbuseConfig[K])
    | undefined;
};

const count = z.number().int().min(1).max(1_000_000);
const ms = z.number().int().min(0).max(31_536_000_000);

function limits(slowAfter: number, banAfter: number) {
  return z
    .strictObject({ slowAfter: count.default(slowAfter), banAfter: count.default(banAfter) })
    .prefault({});
}

/** The schema of the options. */
export const config: StandardSchema<CheckLoginAbuseOptions, CheckLoginAbuseConfig> = z.strictObject({
  address: limits(3, 12),
  network: limits(20, 100),
  account: limits(5, 30),
  ipv6AddressBits: z.number().int().min(32).max(128).default(64),
  ipv4NetworkBits: z.number().int().min(8).max(32).default(24),
  ipv6NetworkBits: z.number().int().min(16).max(64).default(48),
  windowMs: ms.default(900_000),
  delayMs: ms.default(500),
  delayMsMax: ms.max(25_000).default(10_000),
  pendingMax: count.default(32),
  banMs: ms.min(1_000).default(3_600_000),
  banMsMax: ms.min(1_000).default(86_400_000),
  deviceMs: ms.min(1_000).default(2_592_000_000),
  deviceFailuresMax: count.default(20),
  exempt: z.array(z.string().refine(isNetwork, 'not an address or network')).max(1_000).default([]),
});

function isNetwork(text: string): boolean {
  try {
    createAddressTest([text]);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
