/** Every action and every place of asking, with a server that answers as the test says. */
import { accept, definePlugin, formatAddress } from '@postroad/core';
import { type SentAnswers, sendMessage, startScriptedPeer, startTestMta } from '@postroad/core/testing';
import { expect, it } from 'vitest';
import { adaptPostfixPolicy } from './adapt-postfix-policy.js';
import type { PolicyServiceOptions } from './config.js';

type Attributes = Readonly<Record<string, string>>;

interface Sent extends SentAnswers {
  readonly asked: readonly Attributes[];
  readonly connections: number;
  readonly recipients: string[];
  readonly prefix: string;
  readonly quarantine: string | undefined;
  readonly isQueued: boolean;
  readonly to: readonly string[];
}

async function send(
  answer: (attributes: Attributes) => string,
  options: Partial<PolicyServiceOptions> = {},
  to = ['bob@example.org'],
): Promise<Sent> {
  const asked: Attributes[] = [];
  await using peer = await startScriptedPeer((socket) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const pairs = text
          .slice(0, end)
          .split('\n')
          .map((line) => [line.split('=')[0] as string, line.slice(line.indexOf('=') + 1)]);
        const attributes = Object.fromEntries(pairs) as Attributes;
        text = text.slice(end + 2);
        asked.push(attributes);
        socket.write(`action=${answer(attributes)}\n\n`);
      }
    });
    socket.on('end', () => socket.end());
  });
  let queued: { prefix: string; quarantine: string | undefined; to: string[] } | undefined;
  const watch = definePlugin({
    name: 'test-watch',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('enqueued', (message, recipients) => {
        const addresses = recipients.map(({ address }) => formatAddress(address));
        queued = { prefix: message.headerPrefix, quarantine: message.quarantine, to: addresses };
      });
    },
  });
  const service = { servers: [`127.0.0.1:${peer.port}`], name: 'test', ...options };
  const server = await startTestMta({
    plugins: [adaptPostfixPolicy({ services: [service], lookUpName: false }), watch()],
  });
  const answers = await sendMessage({ port: server.port('relay'), to });
  const isDone = () =>
    queued !== undefined || server.logged.some(({ event }) => event === 'message discarded');
  if (answers.outcome.startsWith('250')) await expect.poll(isDone).toBe(true);
  await server.stop();
  return {
    ...answers,
    asked,
    connections: peer.connections,
    recipients: [...answers.recipients],
    prefix: '',
    quarantine: undefined,
    to: [],
    isQueued: queued !== undefined,
    ...queued,
  };
}

it('tells what Postfix tells, at every place, over one connection', async () => {
  const { outcome, asked, connections } = await send(() => 'DUNNO', {
    states: ['CONNECT', 'HELO', 'MAIL', 'RCPT', 'DATA', 'END-OF-MESSAGE'],
    context: 'here',
  });
  expect(outcome).toMatch(/^250 /);
  expect(connections).toBe(1);
  expect(asked.map(({ protocol_state }) => protocol_state)).toEqual([
    'CONNECT',
    'EHLO',
    'MAIL',
    'RCPT',
    'DATA',
    'END-OF-MESSAGE',
  ]);
  expect(asked[3]).toMatchObject({
    request: 'smtpd_access_policy',
    protocol_name: 'ESMTP',
    client_address: '127.0.0.1',
    client_name: 'unknown',
    helo_name: 'client.example.net',
    sender: 'alice@example.net',
    recipient: 'bob@example.org',
    recipient_count: '0',
    policy_context: 'here',
  });
  expect(asked[5]).toMatchObject({ recipient: 'bob@example.org', recipient_count: '1', size: '24' });
  expect(new Set(asked.slice(2).map(({ instance }) => instance)).size).toBe(1);
});

it.each([
  ['OK', /^250 /],
  ['dunno', /^250 /],
  ['REJECT', /^554 5\.7\.1 access denied$/],
  ['reject 5.1.8 not from there', /^554 5\.1\.8 not from there$/],
  ['REJECT 4.2.0 odd class', /^554 5\.7\.1 odd class$/],
  ['DEFER later', /^450 4\.7\.1 later$/],
  ['DEFER_IF_PERMIT 4.2.0 greylisted', /^450 4\.2\.0 greylisted$/],
  ['DEFER_IF_REJECT x', /^250 /],
  ['550 5.1.1 nobody', /^550 5\.1\.1 nobody$/],
  ['451 busy', /^451 4\.7\.1 busy$/],
  ['421 4.7.0 bye', /^421 4\.7\.0 bye$/],
  ['521 never', /^521 5\.7\.1 never$/],
  ['WARN look at this', /^250 /],
  ['FILTER smtp:[127.0.0.1]', /^451 4\.3\.0 /],
  ['permit_mynetworks', /^451 4\.3\.0 /],
  ['PREPEND nonsense', /^451 4\.3\.0 /],
  ['REDIRECT nobody', /^451 4\.3\.0 /],
])('%s', async (action, expected) => {
  expect((await send(() => action)).outcome).toMatch(expected);
});

it('does not let anybody relay', async () => {
  await using peer = await startScriptedPeer((socket) => {
    socket.on('data', () => socket.write('action=OK\n\n'));
  });
  const service = { servers: [`127.0.0.1:${peer.port}`] };
  await using server = await startTestMta({
    plugins: [adaptPostfixPolicy({ services: [service], lookUpName: false })],
  });
  expect((await sendMessage({ port: server.port('relay') })).outcome).toMatch(/^550 5\.7\.1 relaying denied/);
});

it('puts fields in front, once', async () => {
  const { prefix } = await send(() => 'PREPEND X-Policy: seen it', {}, [
    'bob@example.org',
    'carol@example.org',
  ]);
  expect(prefix).toMatch(/\r\nX-Policy: seen it\r\n$/);
  expect(prefix.match(/X-Policy/g)).toHaveLength(1);
});

it('redirects, copies, sets apart and drops', async () => {
  expect((await send(() => 'REDIRECT dave@example.org')).to).toEqual(['dave@example.org']);
  expect((await send(() => 'BCC <dave@example.org>')).to).toEqual(['bob@example.org', 'dave@example.org']);
  expect((await send(() => 'HOLD odd')).quarantine).toBe('policy: odd');
  const dropped = await send(() => 'DISCARD spam', {}, ['bob@example.org', 'carol@example.org']);
  expect(dropped.outcome).toMatch(/^250 /);
  expect(dropped.isQueued).toBe(false);
});

it('opens a new connection when the server has closed the kept one', async () => {
  let count = 0;
  await using peer = await startScriptedPeer((socket) => {
    socket.on('data', () => {
      count++;
      socket.end('action=DUNNO\n\n');
    });
  });
  const accepting = definePlugin({
    name: 'test-accept',
    setup: ({ tap }) => tap('recipient', () => accept()),
  });
  const plugin = adaptPostfixPolicy({
    services: [{ servers: [`127.0.0.1:${peer.port}`] }],
    lookUpName: false,
  });
  await using server = await startTestMta({ plugins: [plugin, accepting()] });
  for (const _time of [1, 2, 3])
    expect((await sendMessage({ port: server.port('relay') })).outcome).toMatch(/^250 /);
  expect(count).toBe(3);
});
