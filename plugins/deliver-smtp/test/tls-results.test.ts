/** What is told for reports on TLS (RFC 8460): each result type where it belongs. */
import { createServer } from 'node:https';
import type { Resolver, TlsaRecord } from '@postroad/core';
import { createVirtualClock } from '@postroad/core/testing';
import { describe, expect, test } from 'vitest';
import { createStsFetch } from '../src/tls/fetch-sts-policy.js';
import { authorityCertificate, leafCertificate, leafKey } from './certificate.js';
import { closeLater, harness, mx, serve as serveScript } from './scene.js';
import { polite } from './scripted-server.js';

const exchangers = [{ preference: 1, exchange: 'mx.example.net' }];
const none = async () => [];
const sts: Partial<Resolver> = {
  mx: async () => exchangers,
  txt: async (name) => (name === '_mta-sts.example.net' ? ['v=STSv1; id=1;'] : []),
};
const policy = (mode: string, host = '*.example.net') =>
  `version: STSv1\nmode: ${mode}\nmx: ${host}\nmax_age: 86400\n`;
const serve = (offers = ['PIPELINING', 'STARTTLS']) => serveScript(polite({ offers }));

/** The results of one delivery as text. */
async function resultsOf(options: Parameters<typeof harness>[0]): Promise<readonly string[]> {
  const report = await harness(options).deliver(mx);
  return (report.tlsSessions ?? []).map(
    ({ policyType, failure = 'good', host = 'any server' }) => `${policyType} ${failure} ${host}`,
  );
}

describe('results for MTA-STS', () => {
  test.each([
    ['enforced and kept', policy('enforce'), true, ['sts good mx.example.net']],
    ['enforced and broken', policy('enforce'), false, ['sts certificate-not-trusted mx.example.net']],
    [
      'that names another server',
      policy('enforce', 'a.test'),
      true,
      ['sts validation-failure mx.example.net'],
    ],
    ['tried out and broken', policy('testing'), false, ['sts certificate-not-trusted mx.example.net']],
    ['tried out and kept', policy('testing'), true, ['sts good mx.example.net']],
    [
      'tried out, that names another server',
      policy('testing', 'a.test'),
      true,
      ['sts validation-failure any server', 'sts good mx.example.net'],
    ],
    ['that asks for nothing', policy('none'), false, ['no-policy-found good mx.example.net']],
    [
      'that is not valid',
      'version: STSv9\n',
      false,
      ['sts sts-policy-invalid any server', 'no-policy-found good mx.example.net'],
    ],
  ])('%s', async (_name, text, trusted, expected) => {
    const { port } = await serve();
    expect(await resultsOf({ port, trusted, resolver: sts, fetchPolicy: async () => text })).toEqual(
      expected,
    );
  });

  test('tried out on a server without TLS', async () => {
    const { port } = await serve(['PIPELINING']);
    const fetchPolicy = async () => policy('testing');
    expect(await resultsOf({ port, resolver: sts, fetchPolicy })).toEqual([
      'sts starttls-not-supported mx.example.net',
    ]);
  });

  test('that can not be fetched, or only from somebody who is not trusted', async () => {
    const web = createServer(
      { cert: leafCertificate + authorityCertificate, key: leafKey },
      (_request, response) => {
        response.writeHead(404).end();
      },
    );
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    closeLater(() => new Promise((resolve) => web.close(() => resolve())));
    const { port } = await serve();
    const names: Resolver = { mx: none, addresses: async () => ['127.0.0.1'], txt: none, names: none };
    const base = {
      resolver: names,
      clock: createVirtualClock(),
      timeoutMs: 5_000,
      port: (web.address() as { port: number }).port,
      allowPrivateAddresses: true,
    };
    const trusting = createStsFetch({ ...base, ca: () => authorityCertificate });
    expect(await resultsOf({ port, resolver: sts, fetchPolicy: trusting })).toEqual([
      'sts sts-policy-fetch-error any server',
      'no-policy-found good mx.example.net',
    ]);
    expect(await resultsOf({ port, resolver: sts, fetchPolicy: createStsFetch(base) })).toEqual([
      'sts sts-webpki-invalid any server',
      'no-policy-found good mx.example.net',
    ]);
  });
});

describe('results for DANE', () => {
  const record: TlsaRecord = { usage: 3, selector: 1, matchingType: 1, certificate: Buffer.alloc(32) };
  const dane = (
    tlsa: () => Promise<{ records: readonly TlsaRecord[]; isAuthentic: boolean }>,
  ): Partial<Resolver> => ({
    mx: async () => exchangers,
    dnssec: {
      mx: async () => ({ records: exchangers, isAuthentic: true }),
      addresses: async () => ({ records: ['127.0.0.1'], isAuthentic: true }),
      tlsa,
    },
  });

  test('of records that do not match, that are of no use, and that are not there', async () => {
    const { port } = await serve();
    const of = (records: readonly TlsaRecord[]) => dane(async () => ({ records, isAuthentic: true }));
    expect(await resultsOf({ port, resolver: of([record]) })).toEqual([
      'tlsa validation-failure mx.example.net',
    ]);
    expect(await resultsOf({ port, resolver: of([{ ...record, usage: 1 }]) })).toEqual([
      'tlsa tlsa-invalid any server',
      'tlsa good mx.example.net',
    ]);
    expect(await resultsOf({ port, resolver: of([]) })).toEqual(['no-policy-found good mx.example.net']);
    // Required here, and not there (RFC 8460 section 4.3.1).
    expect(await resultsOf({ port, tls: 'dane', resolver: of([]) })).toEqual([
      'no-policy-found dane-required mx.example.net',
    ]);
    expect(await resultsOf({ port, tls: 'dane', resolver: of([record]) })).toEqual([
      'tlsa validation-failure mx.example.net',
    ]);
  });
});
