import { once } from 'node:events';
import { connect } from 'node:net';
import {
  accept,
  definePlugin,
  type Finding,
  type MessageAuthentication,
  messageAuthentication,
  parseAuthenticationResults,
  parseHeader,
} from '@postroad/core';
import {
  expectNothingLeaked,
  lookAtOpenThings,
  startTestMta,
  type TestMtaOptions,
} from '@postroad/core/testing';
import { expect, test } from 'vitest';
import { checkAuth } from '../src/check-auth.js';
import type { CheckAuthOptions } from '../src/options.js';
import { type FixedNames, fixedResolver } from './fixed-resolver.js';

interface Taken {
  readonly header: ReturnType<typeof parseHeader>;
  readonly findings: readonly Finding[];
  readonly authentication: MessageAuthentication | undefined;
}

/** A server that takes everything, and what it made of it. */
async function serverWith(options: CheckAuthOptions, names: FixedNames, more: TestMtaOptions = {}) {
  const taken: Taken[] = [];
  let findings: readonly Finding[] = [];
  const watch = definePlugin({
    name: 'observe-test',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('message', (_message, found) => {
        findings = found;
        return undefined;
      });
      tap(
        'header',
        (message, _findings, prefix) => {
          // A report that nobody could be reached may follow.
          const { protocol, identity } = message.transaction.connection;
          if (protocol === 'code' && identity === undefined) return undefined;
          const lines = prefix.map(({ name, value }) => `${name}: ${value}\r\n`).join('');
          const header = parseHeader(Buffer.concat([Buffer.from(lines), message.body.headerBytes]));
          taken.push({ header, findings, authentication: message.get(messageAuthentication) });
          return undefined;
        },
        { order: 'late' },
      );
    },
  });
  const resolver = fixedResolver(names);
  const server = await startTestMta({ plugins: [checkAuth(options), watch()], resolver, ...more });
  return { server, taken, resolver };
}

async function send(port: number, content: string, sender = 'a@example.org'): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(`EHLO client.test\r\nMAIL FROM:<${sender}>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n`);
  let heard = '';
  let isSent = false;
  for await (const chunk of socket) {
    heard += String(chunk);
    if (!isSent && /^354 /m.test(heard)) {
      isSent = true;
      socket.write(`${content}\r\n.\r\nQUIT\r\n`);
    }
  }
  return heard.trimEnd().split('\r\n').slice(-2)[0] ?? '';
}

const names: FixedNames = {
  txt: {
    'example.org': ['v=spf1 ip4:127.0.0.1 -all'],
    '_dmarc.example.org': ['v=DMARC1; p=reject'],
    'down.example': 'down',
    '_dmarc.down.example': 'down',
  },
  addresses: { 'client.test': ['127.0.0.1'] },
  names: { '127.0.0.1': ['client.test'] },
};
const message = 'From: a@example.org\r\nSubject: x\r\n\r\nhello';

test('writes down what it found, tells the message hook, and takes forged results out', async () => {
  const before = await lookAtOpenThings();
  const { server, taken } = await serverWith({}, names);
  const forged = [
    'Authentication-Results: mx.test; dkim=pass header.d=bank.example',
    'Authentication-Results: other.example; spf=pass smtp.mailfrom=x',
    'authentication-results:\r\n (a comment) MX.test.\r\n /1; none',
    'Authentication-Results: ;',
  ].join('\r\n');
  expect(await send(server.port('relay'), `${forged}\r\n${message}`)).toMatch(/^250 /);
  await server.stop();
  expect(taken).toHaveLength(1);
  const [{ header, findings, authentication }] = taken as [Taken];
  const fields = header.all('authentication-results').map(({ value }) => parseAuthenticationResults(value));
  expect(fields.map((field) => field?.authservId)).toEqual(['mx.test', 'other.example']);
  expect(header.fields[0]?.name).toBe('Authentication-Results');
  expect(fields[0]?.results).toEqual([
    { method: 'iprev', result: 'pass', properties: { 'policy.iprev': '127.0.0.1' } },
    { method: 'spf', result: 'pass', properties: { 'smtp.mailfrom': 'a@example.org' } },
    { method: 'dkim', result: 'none' },
    {
      method: 'dmarc',
      result: 'pass',
      properties: { 'header.from': 'example.org', 'policy.published-domain-policy': 'reject' },
    },
  ]);
  expect(findings).toMatchObject([{ source: 'check-auth', result: 'pass' }]);
  expect(authentication?.spf).toMatchObject({ result: 'pass', scope: 'mailfrom', domain: 'example.org' });
  await expectNothingLeaked(before);
});

test('streams a long message from its file, and many at once through one thread', async () => {
  const { server, taken } = await serverWith({ workers: 1, jobsMax: 2 }, names, {
    spool: { inlineOctetsMax: 1_000 },
  });
  const long = `${message}\r\n${`${'x'.repeat(70)}\r\n`.repeat(20_000)}`;
  const port = server.port('relay');
  const replies = await Promise.all([...Array(8)].map(() => send(port, long)));
  expect(replies.every((reply) => reply.startsWith('250 '))).toBe(true);
  expect(taken.map(({ authentication }) => authentication?.dmarc?.result)).toEqual(Array(8).fill('pass'));
  await server.stop();
});

test('one server, strange senders', async () => {
  const txt: Record<string, readonly string[] | 'down'> = { ...names.txt, 'client.test': ['v=spf1 -all'] };
  for (let at = 0; at < 40; at++) {
    txt[`${at}.loop.example`] = [
      `v=spf1 include:${2 * at + 1}.loop.example include:${2 * at + 2}.loop.example -all`,
    ];
  }
  txt['loop.example'] = ['v=spf1 include:0.loop.example include:loop.example -all'];
  const { server, taken, resolver } = await serverWith({}, { ...names, txt });
  const port = server.port('relay');
  const authentication = () => taken.at(-1)?.authentication;

  // DNS that does not answer is a temperror, not a failure.
  await send(port, 'From: a@down.example\r\n\r\nx', 'a@down.example');
  expect(authentication()).toMatchObject({ spf: { result: 'temperror' }, dmarc: { result: 'temperror' } });

  // A million includes end after ten look-ups.
  resolver.asked.length = 0;
  await send(port, 'From: a@loop.example\r\n\r\nx', 'a@loop.example');
  expect(authentication()?.spf?.result).toBe('permerror');
  expect(resolver.asked.filter((question) => question.startsWith('TXT')).length).toBeLessThan(15);

  // A bounce is checked by the name in the greeting.
  await send(port, message, '');
  expect(authentication()?.spf).toMatchObject({ result: 'fail', scope: 'helo', domain: 'client.test' });

  // What our own programs send is not checked, but forged results are taken out.
  resolver.asked.length = 0;
  const forged = `Authentication-Results: mx.test; dmarc=pass\r\n${message}`;
  const recipients = [{ address: { localPart: 'b', domain: 'example.net' } }];
  await server.mta.submit({ reversePath: null, recipients }, Buffer.from(forged));
  expect(authentication()).toBeUndefined();
  expect(taken.at(-1)?.header.all('authentication-results')).toEqual([]);
  expect(resolver.asked).toEqual([]);
  await server.stop();
});
