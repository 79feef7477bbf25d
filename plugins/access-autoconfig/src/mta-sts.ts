/** The MTA-STS policy of our domains (RFC 8461 section 3.2). */
import { createHash } from 'node:crypto';
import type { AccessAutoconfigConfig } from './options.js';

type Sts = NonNullable<AccessAutoconfigConfig['mtaSts']>;

/** The policy file; `host` is the MX when none are named. */
export function stsPolicy({ mode, maxAgeSeconds, mx }: Sts, host: string): string {
  return [
    'version: STSv1',
    `mode: ${mode}`,
    ...(mx ?? [host]).map((name) => `mx: ${name}`),
    `max_age: ${maxAgeSeconds}`,
    '',
  ].join('\r\n');
}

/** The record: its id changes whenever the policy does. */
export function stsRecord(policy: string): string {
  return `v=STSv1; id=${createHash('sha256').update(policy).digest('hex').slice(0, 32)};`;
}
