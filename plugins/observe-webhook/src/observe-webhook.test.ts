import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { definePlugin, type OutboxEvent, reject, reply } from '@postroad/core';
import { playDialogue, startTestMta } from '@postroad/core/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { observeWebhook } from './observe-webhook.js';
import type { WebhookOptions } from './options.js';
import { signatureOf } from './post-events.js';

interface Told {
  readonly headers: IncomingHttpHeaders;
  readonly content: Buffer;
  readonly events: readonly OutboxEvent[];
}

const secret = 'a secret of some length';
let server: Server;
let told: Told[] = [];
let answers: number[] = [];

beforeEach(async () => {
  told = [];
  answers = [];
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const content = Buffer.concat(chunks);
      const lines = content.toString().trim().split('\r\n');
      told.push({
        headers: request.headers,
        content,
        events: lines.map((line) => JSON.parse(line) as OutboxEvent),
      });
      response.writeHead(answers.shift() ?? 204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

/** Takes mail for ok.test, refuses that for gone.test, defers the rest once. */
const network = definePlugin({
  name: 'network-test',
  setup({ tap }) {
    tap('reversePath', (_transaction, path) =>
      path?.domain === 'bad.test' ? reject(550, '7.1', 'not from there') : undefined,
    );
    tap('recipient', () => ({ verdict: 'accept' }));
    tap('route', (_envelope, { address }) => ({ transport: 'mx', domain: address.domain }));
    tap('deliver', ({ recipients, route }) => {
      if (route.transport !== 'mx') return undefined;
      const { domain } = route;
      return {
        outcomes: recipients.map(({ index, attempts }) => {
          if (domain === 'gone.test') {
            const remote = { name: 'mx.gone.test' };
            return { index, status: 'failed', reply: reply(550, '1.1', 'no such user'), remote };
          }
          if (domain === 'later.test' && attempts === 1)
            return { index, status: 'deferred', reply: reply(451, '7.1', 'later') };
          return { index, status: 'delivered', reply: reply(250, '0.0', 'taken') };
        }),
      };
    });
  },
});

function start(more: Partial<WebhookOptions> = {}) {
  const { port } = server.address() as AddressInfo;
  return startTestMta({
    queue: { retryDelaysMs: [10] },
    plugins: [
      network(),
      observeWebhook({ webhooks: { app: { url: `http://127.0.0.1:${port}/events`, secret, ...more } } }),
    ],
  });
}

const content = 'Message-ID: <1@example.org>\r\nSubject: x\r\n\r\nhello\r\n';
const all = () => told.flatMap(({ events }) => events);

test('tells of every end with the words of the server, signed', async () => {
  await using mta = await start();
  const { id } = await mta.mta.submit(
    { reversePath: 'alice@example.org', recipients: ['bob@ok.test', 'eve@gone.test', 'carol@later.test'] },
    content,
  );
  await expect.poll(() => all().length, { timeout: 10_000 }).toBe(4);
  const events = all().sort((a, b) => a.recipient.localeCompare(b.recipient));
  // The DSN about eve went to alice, and that it was taken is an event too.
  expect(events.map((one) => [one.recipient, one.event])).toEqual([
    ['alice@example.org', 'delivered'],
    ['bob@ok.test', 'delivered'],
    ['carol@later.test', 'delivered'],
    ['eve@gone.test', 'bounced'],
  ]);
  expect(events[3]).toMatchObject({
    id: `${id}/1/1/bounced`,
    messageId: id,
    messageIdField: '<1@example.org>',
    reversePath: 'alice@example.org',
    site: 'mx:gone.test',
    reply: '550 5.1.1 no such user',
    remote: 'mx.gone.test',
    bounceClass: 'address',
    account: 'postroad',
  });
  expect(events[2]?.attempt).toBe(2);
  const [first] = told as [Told];
  const seconds = Number(/^t=(\d+)/.exec(String(first.headers['postroad-signature']))?.[1]);
  expect(first.headers['postroad-signature']).toBe(signatureOf(secret, seconds, first.content));
});

test('tells again what was not taken, under the same key, and of deferrals when asked', async () => {
  answers = [500, 404];
  await using mta = await start({ events: ['deferred'] });
  await mta.mta.submit({ reversePath: 'alice@example.org', recipients: ['carol@later.test'] }, content);
  await expect.poll(() => told.length, { timeout: 10_000 }).toBe(3);
  expect(all().map((one) => one.event)).toEqual(['deferred', 'deferred', 'deferred']);
  expect(new Set(told.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
  await expect.poll(async () => (await mta.mta.queue.count()).recipients).toBe(0);
});

test('waits in the queue while the server is away, and knows tenants', async () => {
  await using mta = await start({ url: 'http://127.0.0.1:1/', tenants: ['postroad'] });
  await mta.mta.submit({ reversePath: '', recipients: ['bob@ok.test'] }, content);
  const waiting = async () => (await mta.mta.queue.list({ site: 'webhook:app' }, { limit: 10 })).recipients;
  await expect.poll(async () => (await waiting())[0]?.attempts ?? 0, { timeout: 10_000 }).toBeGreaterThan(0);

  await using others = await start({ tenants: ['shop'] });
  await others.mta.submit({ reversePath: '', recipients: ['bob@ok.test'] }, content);
  await expect.poll(async () => (await others.mta.queue.count()).recipients).toBe(0);
  expect(told).toEqual([]);
});

test('tells of what was accepted before the client hears of it, and of what was refused', async () => {
  answers = Array<number>(50).fill(503);
  const events = ['accepted', 'refused', 'delivered'] as const;
  await using mta = await start({ events });
  const recipients = ['bob@ok.test', 'carol@ok.test'];
  const { id } = await mta.mta.submit({ reversePath: 'alice@example.org', recipients }, content);
  // Durable by now: the web server has taken nothing yet.
  const waiting = await mta.mta.queue.list({ site: 'webhook:app' }, { limit: 10 });
  const fresh = await mta.mta.queue.list({ site: 'new' }, { limit: 10 });
  expect(waiting.recipients.length + fresh.recipients.length).toBeGreaterThan(0);
  answers = [];
  await expect
    .poll(() => all().filter((one) => one.event === 'accepted').length, { timeout: 10_000 })
    .toBeGreaterThan(1);
  const accepted = all().filter((one) => one.event === 'accepted');
  expect(new Set(accepted.map((one) => one.id))).toEqual(
    new Set([`${id}/0/0/accepted`, `${id}/1/0/accepted`]),
  );
  expect(accepted[0]).toMatchObject({
    messageId: id,
    messageIdField: '<1@example.org>',
    reversePath: 'alice@example.org',
    site: '',
    attempt: 0,
    client: '127.0.0.1',
    account: 'postroad',
  });
  await playDialogue(
    { port: mta.port('relay') },
    'S: 220 ...\nC: EHLO c.test\nS: ...\nS: 250 ...\nC: MAIL FROM:<spam@bad.test>\nS: 550 ...\nC: QUIT\nS: 221 ...\n',
  );
  await expect
    .poll(() => all().find((one) => one.event === 'refused'), { timeout: 10_000 })
    .toMatchObject({
      reversePath: 'spam@bad.test',
      recipient: '',
      reply: '550 5.7.1 not from there',
      client: '127.0.0.1',
    });
});
