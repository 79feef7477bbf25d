/** What `authHttp` takes, and how it is checked. */
import type { StandardSchema } from '@postroad/core';
import { z } from 'zod';

/** The checked options. */
export interface AuthHttpConfig {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly requestsMax: number;
}

/** What `authHttp` takes. */
export interface AuthHttpOptions {
  /** Where questions are posted to; `https:`, or `http:` to this machine. */
  readonly url: string;
  /** Sent with each question, such as `{ authorization: 'Bearer ...' }`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly timeoutMs?: number | undefined;
  readonly requestsMax?: number | undefined;
}

/** The schema of the options. */
export const config: StandardSchema<AuthHttpOptions, AuthHttpConfig> = z.strictObject({
  url: z.string().refine(isSafe, 'a URL with https, or with http to a loopback address'),
  headers: z.record(z.string().regex(/^[A-Za-z0-9-]+$/), z.string().regex(/^[ -~]*$/)).default({}),
  timeoutMs: z.number().int().min(1).max(30_000).default(5_000),
  requestsMax: z.number().int().min(1).max(10_000).default(100),
});

/** Passwords are in the questions. */
function isSafe(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  if (username !== '' || password !== '') return false;
  const isLoopback =
    hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
  return protocol === 'https:' || (protocol === 'http:' && isLoopback);
}
