/** One POST request with events. */
import { createHmac } from 'node:crypto';
import { request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { Clock, Resolver } from '@postroad/core';
import type { CheckedWebhook } from './options.js';

/** What a request needs. */
export interface PostEventsOptions {
  readonly webhook: CheckedWebhook;
  /** Lines of JSON. */
  readonly content: Buffer;
  /** The same for the same events, however often they are sent. */
  readonly key: string;
  readonly clock: Clock;
  readonly resolver: Resolver;
  readonly signal: AbortSignal;
}

/** Sends them; resolves with the status and what Retry-After says, rejects when there is no answer. */
export async function postEvents(
  options: PostEventsOptions,
): Promise<{ readonly status: number; readonly retryAfter: string | undefined }> {
  const { webhook, clock, content } = options;
  const stop = new AbortController();
  const timer = clock.after(webhook.timeoutMs, () => stop.abort(new Error('no answer in time')));
  const signal = AbortSignal.any([options.signal, stop.signal]);
  try {
    return await new Promise((resolve, reject) => {
      const url = new URL(webhook.url);
      const send = url.protocol === 'https:' ? secureRequest : plainRequest;
      const request = send(
        url,
        { method: 'POST', headers: headersOf(options), signal, lookup: lookUpWith(options.resolver, signal) },
        (response) => {
          response.resume();
          response.on('error', reject);
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'] }),
          );
        },
      );
      request.on('error', reject);
      request.end(content);
    });
  } finally {
    timer.cancel();
  }
}

function headersOf({ webhook, content, key, clock }: PostEventsOptions): Record<string, string> {
  const seconds = Math.floor(clock.now() / 1000);
  return {
    ...webhook.headers,
    'content-type': 'application/x-ndjson',
    'content-length': String(content.length),
    'idempotency-key': `"${key}"`,
    ...(webhook.secret !== undefined && {
      'postroad-signature': signatureOf(webhook.secret, seconds, content),
    }),
  };
}

/** `t=<seconds>,v1=<hex>`: an HMAC-SHA256 over the seconds, a dot and the content. */
export function signatureOf(secret: string, seconds: number, content: Buffer): string {
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.`).update(content).digest('hex')}`;
}

function lookUpWith(resolver: Resolver, signal: AbortSignal): LookupFunction {
  return (name, how, done) => {
    resolver.addresses(name, signal).then(
      (found) => {
        const addresses = found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
        const [first] = addresses;
        if (first === undefined) done(new Error(`${name} has no address`), '');
        else if (how.all === true) done(null, addresses);
        else done(null, first.address, first.family);
      },
      (error: Error) => done(error, ''),
    );
  };
}
