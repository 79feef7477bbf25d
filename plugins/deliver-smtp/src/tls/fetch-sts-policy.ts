/** Fetching a policy over HTTPS (RFC 8461 section 3.3): the certificate is verified, redirects are not followed. */
import { get } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { Clock, Resolver } from '@postroad/core';
import { isPrivateAddress } from '../addresses.js';
import type { FetchStsPolicy } from './mta-sts.js';

/** How policies are fetched. */
export interface FetchStsOptions {
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly allowPrivateAddresses: boolean;
  readonly timeoutMs: number;
  /** 443, unless a test listens elsewhere. */
  readonly port?: number;
  /** Certificates to trust instead of the system's, asked for at each fetch. */
  readonly ca?: () => string | Buffer | undefined;
}

const octetsMax = 65_536;

/** Makes the function that fetches. */
export function createStsFetch(options: FetchStsOptions): FetchStsPolicy {
  return async (domain, signal) => {
    const stop = new AbortController();
    const timer = options.clock.after(options.timeoutMs, () => stop.abort(new Error('no answer in time')));
    try {
      return await fetchText(options, `mta-sts.${domain}`, AbortSignal.any([signal, stop.signal]));
    } finally {
      timer.cancel();
    }
  };
}

function fetchText(options: FetchStsOptions, host: string, limited: AbortSignal): Promise<string> {
  const ca = options.ca?.();
  return new Promise((resolve, reject) => {
    const request = get(
      {
        host,
        servername: host,
        port: options.port ?? 443,
        path: '/.well-known/mta-sts.txt',
        agent: false,
        minVersion: 'TLSv1.2',
        lookup: lookUpWith(options, limited),
        signal: limited,
        ...(ca !== undefined && { ca }),
      },
      (response) => {
        const type = response.headers['content-type'] ?? '';
        if (response.statusCode !== 200 || !/^text\/plain\b/i.test(type)) {
          response.destroy();
          reject(new Error(`the answer is ${response.statusCode} ${type}`));
          return;
        }
        const chunks: Buffer[] = [];
        let octets = 0;
        response.on('data', (chunk: Buffer) => {
          octets += chunk.length;
          chunks.push(chunk);
          if (octets > octetsMax) response.destroy(new Error('the policy is too large'));
        });
        response.on('error', reject);
        response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
      },
    );
    request.on('error', reject);
  });
}

function lookUpWith(options: FetchStsOptions, signal: AbortSignal): LookupFunction {
  return (name, how, done) => {
    options.resolver.addresses(name, signal).then(
      (found) => {
        const addresses = found
          .filter((address) => options.allowPrivateAddresses || !isPrivateAddress(address))
          .map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
        const [first] = addresses;
        if (first === undefined) done(new Error(`${name} has no address`), '');
        else if (how.all === true) done(null, addresses);
        else done(null, first.address, first.family);
      },
      (error: Error) => done(error, ''),
    );
  };
}
