import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { accept, type DeliveryReport, definePlugin, formatReply } from '@postroad/core';
import { startTestMta } from '@postroad/core/testing';
import { afterEach, expect, test } from 'vitest';
import type { HttpEndpoint } from './config.js';
import { deliverHttp } from './deliver-http.js';
import { signatureOf } from './signature.js';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Heard {
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** A web server that answers the same to everything; 0 closes without an answer, and nothing at all hangs. */
async function serve(
  status: number | undefined,
  headers: Record<string, string> = {},
  words = '',
): Promise<{ url: string; heard: Heard[] }> {
  const heard: Heard[] = [];
  const web = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    heard.push({ headers: request.headers, body: Buffer.concat(chunks) });
    if (status === 0) request.socket.destroy();
    else if (status !== undefined) response.writeHead(status, headers).end(words);
  });
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  closing.push(async () => {
    web.closeAllConnections();
    await new Promise<void>((resolve) => web.close(() => resolve()));
  });
  return { url: `http://localhost:${(web.address() as { port: number }).port}/mail`, heard };
}

const content = 'Subject: x\r\n\r\n.dot\r\nü\r\n';

async function deliver(endpoint: HttpEndpoint, names: readonly string[] = ['bob']): Promise<DeliveryReport> {
  const reports: DeliveryReport[] = [];
  const watch = definePlugin({
    name: 'observe-test',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('attempted', (_delivery, report) => void reports.push(report));
    },
  });
  const endpoints = { test: { domains: ['example.org'], ...endpoint } };
  await using server = await startTestMta({ plugins: [deliverHttp({ endpoints }), watch()] });
  const recipients = names.map((localPart) => ({ address: { localPart, domain: 'example.org' } }));
  await server.mta.submit({ reversePath: null, recipients }, Buffer.from(content));
  await expect.poll(() => reports.length, { timeout: 10_000 }).toBeGreaterThan(0);
  return reports[0] as DeliveryReport;
}

const told = (report: DeliveryReport) =>
  report.outcomes.map(({ status, reply }) => `${status} ${formatReply(reply)}`);

test('posts the message once for all recipients, signed', async () => {
  const { url, heard } = await serve(202, {}, 'thanks\nfor the mail');
  const secret = 'a secret of sixteen';
  const report = await deliver({ url, secret, headers: { authorization: 'Bearer x' } }, ['bob', 'böb']);
  expect(told(report)).toEqual(Array(2).fill('delivered 250 2.0.0 HTTP 202 thanks for the mail'));
  expect(heard).toHaveLength(1);
  const [{ headers, body }] = heard as [Heard];
  expect(body.toString().endsWith(content)).toBe(true);
  const envelope = headers['postroad-envelope'] as string;
  expect(JSON.parse(envelope)).toMatchObject({
    sender: '',
    recipients: ['bob@example.org', 'böb@example.org'],
  });
  const digest = createHash('sha256').update(body).digest('base64');
  expect(headers['content-digest']).toBe(`sha-256=:${digest}:`);
  expect(headers['content-type']).toBe('message/rfc822');
  expect(headers.authorization).toBe('Bearer x');
  const signature = headers['postroad-signature'] as string;
  const seconds = Number(/^t=(\d+),/.exec(signature)?.[1]);
  expect(signature).toBe(signatureOf(secret, seconds, envelope, digest));
});

test.each([
  [404, 'failed 554 5.0.0 HTTP 404 words'],
  [429, 'deferred 451 4.0.0 HTTP 429 words'],
  [500, 'deferred 451 4.0.0 HTTP 500 words'],
  [302, 'deferred 451 4.0.0 HTTP 302 words'],
  [0, 'deferred 451 4.4.1 the web server did not answer'],
])('status %d', async (status, expected) => {
  const { url } = await serve(status, { location: 'http://localhost:1/' }, 'words');
  expect(told(await deliver({ url }))).toEqual([expected]);
});

test('honours Retry-After', async () => {
  const { url } = await serve(503, { 'retry-after': '120' });
  const { siteRetryAtMs = 0 } = await deliver({ url });
  expect(siteRetryAtMs).toBeGreaterThan(Date.now() + 60_000);
});

test.each([
  ['in two hours', 7_200_000, true],
  ['an hour ago', -3_600_000, false],
  ['in a year', 31_536_000_000, false],
])('takes a date as Retry-After: %s', async (_, inMs, counts) => {
  const atMs = Math.floor((Date.now() + inMs) / 1_000) * 1_000;
  const { url } = await serve(503, { 'retry-after': new Date(atMs).toUTCString() });
  expect((await deliver({ url })).siteRetryAtMs).toBe(counts ? atMs : undefined);
});

test('does not wait for ever', async () => {
  const { url } = await serve(undefined);
  expect(told(await deliver({ url, timeoutMs: 100 }))).toEqual([
    'deferred 451 4.4.1 the web server did not answer',
  ]);
});
