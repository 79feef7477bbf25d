import { createServer } from 'node:https';
import { type Resolver, systemClock } from '@postroad/core';
import { createVirtualClock, makeTestCertificate } from '@postroad/core/testing';
import { expect, test } from 'vitest';
import { createStsFetch } from '../src/tls/fetch-sts-policy.js';
import { authorityCertificate, leafCertificate, leafKey } from './certificate.js';
import { closeLater } from './scene.js';

const chain = { cert: leafCertificate + authorityCertificate, key: leafKey };
const none = async () => [];
const policy = 'version: STSv1\nmode: enforce\nmx: *.example.net\nmax_age: 86400\n';

test('a policy of MTA-STS is fetched over HTTPS by its name', async () => {
  const answers = { type: 'text/plain; charset=utf-8', status: 200, text: policy };
  const web = createServer(
    { cert: leafCertificate + authorityCertificate, key: leafKey },
    (request, response) => {
      const isKnown =
        request.url === '/.well-known/mta-sts.txt' && request.headers.host?.startsWith('mta-sts.example.net');
      response.writeHead(isKnown === true ? answers.status : 404, {
        'content-type': answers.type,
        location: '/',
      });
      response.end(answers.text);
    },
  );
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  closeLater(() => new Promise((resolve) => web.close(() => resolve())));
  const { port } = web.address() as { port: number };
  const names: Resolver = { mx: none, addresses: async () => ['127.0.0.1'], txt: none, names: none };
  const base = {
    resolver: names,
    clock: createVirtualClock(),
    timeoutMs: 1_000,
    port,
    allowPrivateAddresses: true,
  };
  const fetch = createStsFetch({ ...base, ca: () => authorityCertificate });
  const { signal } = new AbortController();
  expect(await fetch('example.net', signal)).toBe(policy);
  await expect(createStsFetch(base)('example.net', signal)).rejects.toThrow(/certificate/);
  await expect(fetch('other.example', signal)).rejects.toThrow(/altnames/i);
  await expect(
    createStsFetch({ ...base, allowPrivateAddresses: false })('example.net', signal),
  ).rejects.toThrow(/no address/);
  for (const [years, reason] of [
    [-15, /expired/],
    [1, /not yet valid/],
  ] as const) {
    const nowMs = systemClock.now() + years * 365 * 86_400_000;
    const pair = await makeTestCertificate({ hostname: 'mta-sts.example.net', nowMs });
    web.setSecureContext(pair);
    const doubting = createStsFetch({ ...base, ca: () => pair.cert });
    await expect(doubting('example.net', signal)).rejects.toThrow(reason);
  }
  web.setSecureContext(chain);
  answers.text = 'x'.repeat(70_000);
  await expect(fetch('example.net', signal)).rejects.toThrow(/too large/);
  answers.status = 302;
  await expect(fetch('example.net', signal)).rejects.toThrow(/302/);
  [answers.status, answers.type] = [200, 'text/html'];
  await expect(fetch('example.net', signal)).rejects.toThrow(/text\/html/);
});
