/** What an answer does to a message, with a server that answers as the test says. */
import { createServer, type IncomingMessage } from 'node:http';
import {
  accept,
  definePlugin,
  type Finding,
  formatAddress,
  formatReversePath,
  readBody,
} from '@postroad/core';
import { freePort, sendMessage, startTestMta } from '@postroad/core/testing';
import { afterEach, expect, it } from 'vitest';
import { checkRspamd } from './check-rspamd.js';
import type { CheckRspamdOptions } from './config.js';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

interface Asked {
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly recipients: readonly string[];
  readonly body: string;
}

async function serve(answer: object, newContent?: string): Promise<{ url: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const web = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const recipients = request.rawHeaders.filter(
      (_value, at) => request.rawHeaders[at - 1]?.toLowerCase() === 'rcpt',
    );
    asked.push({
      url: request.url ?? '',
      headers: request.headers,
      recipients,
      body: Buffer.concat(chunks).toString(),
    });
    const json = JSON.stringify({ action: 'no action', score: 0, ...answer });
    if (newContent === undefined) response.end(json);
    else response.writeHead(200, { 'message-offset': Buffer.byteLength(json) }).end(json + newContent);
  });
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  closing.push(
    () =>
      new Promise((resolve) => {
        web.closeAllConnections();
        web.close(() => resolve());
      }),
  );
  return { url: `http://127.0.0.1:${(web.address() as { port: number }).port}`, asked };
}

interface Sent {
  readonly outcome: string;
  readonly findings: readonly Finding[];
  readonly queued: string | undefined;
  readonly sender: string | undefined;
  readonly recipients: readonly string[];
  readonly quarantine: string | undefined;
}

async function send(options: CheckRspamdOptions, content: string, to = ['bob@example.org']): Promise<Sent> {
  let findings: readonly Finding[] = [];
  let queued: Omit<Sent, 'outcome' | 'findings'> | undefined;
  const watch = definePlugin({
    name: 'test-watch',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap(
        'message',
        (_message, found) => {
          findings = found;
          return undefined;
        },
        { order: 'early' },
      );
      tap('enqueued', async (message, recipients) => {
        queued = {
          queued: (await readBody(message.body, 100_000)).toString(),
          sender: formatReversePath(message.reversePath),
          recipients: recipients.map(({ address }) => formatAddress(address)),
          quarantine: message.quarantine,
        };
      });
    },
  });
  const server = await startTestMta({ plugins: [checkRspamd({ lookUpName: false, ...options }), watch()] });
  const { outcome } = await sendMessage({ port: server.port('relay'), content, to });
  const isDone = () =>
    queued !== undefined || server.logged.some(({ event }) => event === 'message discarded');
  if (outcome.startsWith('250')) await expect.poll(isDone, { timeout: 10_000 }).toBe(true);
  await server.stop();
  return {
    outcome,
    findings,
    queued: undefined,
    sender: undefined,
    recipients: [],
    quarantine: undefined,
    ...queued,
  };
}

const content = 'Subject: hello\r\nX-Old: 1\r\nX-Old: 2\r\n\r\nthe body\r\n';

it('sends the message with what is known of it', async () => {
  const { url, asked } = await serve({});
  await send({ servers: [url], settingsId: 'mine', password: 'secret', passAll: true }, content, [
    'b@x.org',
    'c@x.org',
  ]);
  expect(asked).toHaveLength(1);
  expect(asked[0]).toMatchObject({
    url: '/checkv2',
    recipients: ['b@x.org', 'c@x.org'],
    body: content,
    headers: {
      ip: '127.0.0.1',
      helo: 'client.example.net',
      from: 'alice@example.net',
      'mta-name': 'mx.test',
      'mta-tag': 'relay',
      'settings-id': 'mine',
      password: 'secret',
      pass: 'all',
      flags: 'body_block',
      'content-length': String(content.length),
    },
  });
  expect(asked[0]?.headers['queue-id']).toMatch(/^[0-9a-z]{26}$/);
});

it('turns symbols into findings with scores', async () => {
  const { url } = await serve({
    score: 3.5,
    required_score: 15,
    symbols: { BAD: { name: 'BAD', score: 4, description: 'bad', options: ['x'] }, GOOD: { score: -0.5 } },
  });
  const { findings, outcome } = await send({ servers: [url] }, content);
  expect(outcome).toMatch(/^250 /);
  expect(findings).toEqual([
    { source: 'rspamd', result: 'no action', text: '3.5 of 15' },
    { source: 'rspamd', result: 'BAD', score: 4, text: 'bad', details: ['x'] },
    { source: 'rspamd', result: 'GOOD', score: -0.5 },
  ]);
});

it.each([
  ['reject', {}, {}, /^550 5\.7\.1 go away$/],
  ['soft reject', {}, {}, /^451 4\.7\.1 go away$/],
  ['greylist', {}, {}, /^250 /],
  ['greylist', { greylist: 'defer' }, {}, /^451 4\.7\.1 go away$/],
  ['add header', {}, {}, /^250 /],
  ['reject', { reject: 'accept' }, {}, /^250 /],
  ['reject', {}, { milter: { no_action: true } }, /^250 /],
] as const)('%s with %j and %j', async (action, options, more, expected) => {
  const { url } = await serve({ action, messages: { smtp_message: 'go away' }, ...more });
  expect((await send({ servers: [url], ...options }, content)).outcome).toMatch(expected);
});

it.each([
  ['reject', { reject: 'quarantine' }, {}],
  ['add header', { addHeader: 'quarantine' }, {}],
  ['quarantine', {}, {}],
  ['reject', {}, { milter: { reject: 'quarantine' } }],
] as const)('sets apart: %s with %j and %j', async (action, options, more) => {
  const { url } = await serve({ action, score: 9, ...more });
  expect((await send({ servers: [url], ...options }, content)).quarantine).toBe(`rspamd: ${action}, 9`);
});

it('drops what is to be discarded', async () => {
  const { url } = await serve({ action: 'reject', milter: { reject: 'discard' } });
  const { outcome, queued } = await send({ servers: [url] }, content);
  expect(outcome).toMatch(/^250 /);
  expect(queued).toBeUndefined();
});

it('changes header, subject and envelope', async () => {
  const { url } = await serve({
    action: 'rewrite subject',
    subject: '*** hello',
    'dkim-signature': 'v=1; a=b;\r\n\tb=c',
    milter: {
      remove_headers: { 'X-Old': -1 },
      add_headers: { 'X-First': { value: 'top', order: 0 }, 'X-Last': ['a', 'b'], 'X-Folded': 'one\n two' },
      change_from: 'other@example.net',
      add_rcpt: ['carol@example.org'],
      del_rcpt: ['<bob@example.org>'],
    },
  });
  const sent = await send({ servers: [url] }, content, ['bob@example.org', 'dave@example.org']);
  expect(sent.queued).toBe(
    'DKIM-Signature: v=1; a=b;\r\n\tb=c\r\nX-First: top\r\nSubject: *** hello\r\nX-Old: 1\r\n' +
      'X-Last: a\r\nX-Last: b\r\nX-Folded: one\r\n\ttwo\r\n\r\nthe body\r\n',
  );
  expect(sent.sender).toBe('other@example.net');
  expect(sent.recipients).toEqual(['dave@example.org', 'carol@example.org']);
});

it('marks spam, and takes a content written anew', async () => {
  const { url } = await serve({ action: 'add header' }, 'another body\r\n');
  expect((await send({ servers: [url] }, content)).queued).toBe(
    'Subject: hello\r\nX-Old: 1\r\nX-Old: 2\r\nX-Spam: Yes\r\n\r\nanother body\r\n',
  );
});

it('leaves the message alone when it may not be changed, and refuses content that is too large', async () => {
  const { url } = await serve({ action: 'add header' }, 'another body, '.repeat(1_000));
  expect((await send({ servers: [url], rewrittenOctetsMax: 1_000 }, content)).outcome).toMatch(/^451 /);
  const plain = await serve({ action: 'add header', milter: { add_headers: { X: 'y' } } });
  expect((await send({ servers: [plain.url], rewrite: false }, content)).queued).toBe(content);
});

it('defers when a field could break out of its line', async () => {
  const { url } = await serve({ milter: { add_headers: { 'X-Bad\r\nX': 'y' } } });
  expect((await send({ servers: [url] }, content)).outcome).toMatch(/^451 /);
});

it('asks the next server when one is down', async () => {
  const { url, asked } = await serve({ action: 'reject' });
  const servers = [`http://127.0.0.1:${await freePort()}`, url];
  expect((await send({ servers }, content)).outcome).toMatch(/^550 /);
  expect(asked).toHaveLength(1);
});
