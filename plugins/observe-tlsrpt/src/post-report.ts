/** Sending a report to a web server (RFC 8460 section 5.4). */
import { request } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { Clock, Resolver } from '@postroad/core';

const timeoutMs = 60_000;

/** Resolves with the status; rejects when there is no answer. */
export function postReport(
  url: string,
  content: Buffer,
  services: { readonly clock: Clock; readonly resolver: Resolver },
): Promise<number> {
  const stop = new AbortController();
  const timer = services.clock.after(timeoutMs, () => stop.abort(new Error('no answer in time')));
  return new Promise<number>((resolve, reject) => {
    const headers = { 'content-type': 'application/tlsrpt+gzip', 'content-length': String(content.length) };
    const lookup = lookUpWith(services.resolver, stop.signal);
    const sent = request(url, { method: 'POST', headers, signal: stop.signal, lookup }, (response) => {
      response.resume();
      response.on('error', reject);
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    sent.on('error', reject);
    sent.end(content);
  }).finally(() => timer.cancel());
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
