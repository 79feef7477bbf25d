import { accept, type Connection, definePlugin, type Finding, type Resolver, reject } from '@postroad/core';
import {
  createVirtualClock,
  playDialogue,
  startTestMta,
  type TestMta,
  type VirtualClock,
} from '@postroad/core/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type CheckClientOptions, checkClient } from './index.js';

/** Names and addresses of the test's DNS; `down` fails. */
const dns: Record<string, readonly string[]> = {
  '192.0.2.1': ['mail.example.org'],
  'mail.example.org': ['192.0.2.1'],
  '192.0.2.2': ['lies.example.org'],
  'lies.example.org': ['198.51.100.9'],
  '2001:db8::1': ['six.example.org'],
  'six.example.org': ['2001:db8:0:0:0:0:0:1'],
};
const look = async (name: string) => {
  if (name.includes('down') || name === '192.0.2.66') throw new Error('no answer');
  return dns[name] ?? [];
};
const resolver: Resolver = {
  mx: async () => [],
  txt: async () => [],
  names: look,
  addresses: async (name, _signal, family) => {
    const all = await look(name);
    return all.filter((one) => family === undefined || one.includes(':') === (family === 6));
  },
};

let clock: VirtualClock;
let server: TestMta | undefined;
let findings: readonly Finding[] = [];
let connected: Connection[] = [];
beforeEach(() => {
  clock = createVirtualClock();
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

const others = definePlugin({
  name: 'route-open',
  setup({ tap }) {
    tap(
      'recipient',
      (_transaction, { address }) =>
        address.localPart === 'nobody' ? reject(550, '1.1', 'no such user') : accept(),
      { order: 'late' },
    );
    tap(
      'connect',
      (connection) => {
        connected.push(connection);
        return undefined;
      },
      { order: 'early' },
    );
    tap('route', () => ({ transport: 'local', accountId: 'a' }));
    tap('message', (_message, found) => {
      findings = found;
      return undefined;
    });
  },
});

async function start(options: CheckClientOptions = {}): Promise<void> {
  findings = [];
  connected = [];
  server = await startTestMta({
    clock,
    resolver,
    hostname: 'mx.example.net',
    plugins: [others(), checkClient({ greetingWaitMs: 0, ...options })],
    listeners: [{ name: 'relay', host: '127.0.0.1', port: 0, role: 'relay', xclientFrom: ['127.0.0.1'] }],
  });
}

const port = () => server?.port('relay') as number;

/** As a client of this address. */
const as = (address: string, steps: string, greeting = '220 ...') => `
  S: 220 ...
  C: HELO proxy.test
  S: 250 ...
  C: XCLIENT ADDR=${address.includes(':') ? `IPV6:${address}` : address}
  S: ${greeting}
  ${steps}`;
const hello = (name: string, hears = '250 ...') => `C: HELO ${name}\nS: ${hears}\n`;
const mail = (hears = '250 ...') => `C: MAIL FROM:<a@example.org>\nS: ${hears}\n`;
const rcpt = (to: string, hears = '250 ...') => `C: RCPT TO:<${to}@example.net>\nS: ${hears}\n`;
const data = 'C: DATA\nS: 354 ...\nC: Subject: x\nC: \nC: .\nS: 250 ...\n';
const client = (address: string, steps: string, greeting?: string) =>
  playDialogue({ port: port() }, as(address, steps, greeting));
const results = () => findings.map(({ result, score }) => [result, score]);

test('a good client gets no finding, by IPv4 and IPv6', async () => {
  await start();
  await client('192.0.2.1', hello('mail.example.org') + mail() + rcpt('bob') + data);
  expect(findings).toEqual([]);
  await client('2001:db8::1', hello('six.example.org') + mail() + rcpt('bob') + data);
  expect(findings).toEqual([]);
});

test('refuses those who call themselves by our name or by an address that is not theirs', async () => {
  await start({ ourNames: ['Example.NET'] });
  await client('192.0.2.1', hello('mx.example.net', '550 5.7.1 that is not your name'));
  await client('192.0.2.1', hello('example.net', '550 5.7.1 ...'));
  await client('192.0.2.1', hello('[192.0.2.7]', '550 5.7.1 that is not your address'));
  expect(server?.logged.find(({ event }) => event === 'refused')?.fields).toMatchObject({
    plugin: 'check-client',
    rule: 'ourHello',
    reason: 'mx.example.net',
  });
});

test('adds points for bare names, missing and unconfirmed names, once for a connection', async () => {
  await start();
  const message = mail() + rcpt('bob') + data;
  await client('192.0.2.99', hello('localhost') + hello('localhost') + message + message);
  expect(results()).toEqual([
    ['bareHello', 2],
    ['noReverseName', 2],
  ]);
  await client('192.0.2.2', hello('missing.example') + message);
  expect(results()).toEqual([
    ['unconfirmedReverseName', 1],
    ['unknownHello', 1],
  ]);
  await client('192.0.2.1', hello('lies.example.org') + message);
  expect(results()).toEqual([['otherHello', 0]]);
});

test('rules refuse where the options say so, and a DNS that is down then defers, or is skipped by name', async () => {
  await start({ noReverseName: 'reject', unknownHello: 'defer' });
  await client('192.0.2.99', hello('mail.example.org') + mail('550 5.7.1 ...') + mail('550 5.7.1 ...'));
  await client('192.0.2.1', hello('missing.example') + mail('450 4.7.1 ...'));
  await client('192.0.2.66', hello('mail.example.org') + mail('451 ...'));
  await client('192.0.2.1', hello('down.example') + mail('451 ...'));
  await server?.stop();
  await start({ noReverseName: 'reject', onError: 'skip' });
  await client('192.0.2.66', hello('mail.example.org') + mail() + rcpt('bob') + data);
  expect(findings.find(({ text }) => text === 'noReverseName')?.error).toBe('no answer');
});

test('turns away who talks before the greeting, and lets wait only who is not known to wait', async () => {
  await start({ greetingWaitMs: 1_000, exemptClients: [] });
  const early = playDialogue(
    { port: port() },
    'C: HELO a.example\nS: 550 5.7.1 you talk before you are greeted\nS: <closed>',
  );
  await expect.poll(() => connected.at(-1)?.hasTalkedEarly).toBe(true);
  await clock.advance(1_000);
  await early;
  await server?.stop();
  await start({ greetingWaitMs: 1_000, exemptClients: [] });
  const before = clock.now();
  const patient = playDialogue({ port: port() }, 'S: 220 ...').then(() => true);
  for (let isOver = false; !isOver; ) {
    await clock.advance(100);
    isOver = await Promise.race([
      patient,
      new Promise<false>((resolve) => setImmediate(() => resolve(false))),
    ]);
  }
  expect(clock.now() - before).toBeGreaterThanOrEqual(1_000);
  // The second time nobody has to move the clock.
  await playDialogue({ port: port() }, 'S: 220 ...');
});

test('bad pipelining gives points, or is refused', async () => {
  await start();
  await client(
    '192.0.2.1',
    `C: HELO mail.example.org\nC: NOOP\nS: 250 ...\nS: 250 ...\n${mail()}${rcpt('bob')}${data}`,
  );
  expect(results()).toEqual([['badPipelining', 3]]);
  await server?.stop();
  await start({ badPipelining: 'reject' });
  const bad = 'C: HELO mail.example.org\nC: NOOP\nS: 250 ...\nS: 250 ...\n';
  await client('192.0.2.1', `${bad}${mail()}${rcpt('bob')}C: DATA\nS: 503 ...\n`);
});

test('an address that errs too often is turned away for a while; deferrals do not count', async () => {
  await start({ errorsMax: 3, banMs: 600_000, tarpitAfter: 0 });
  const unknown = rcpt('nobody', '550 ...');
  await client('192.0.2.1', hello('mail.example.org') + mail() + unknown + unknown);
  await client('192.0.2.1', hello('mail.example.org') + mail() + unknown);
  await server?.whenLogged('a client errs too often and is turned away');
  await client('192.0.2.1', '', '421 4.7.0 too many errors, try again later');
  await client('192.0.2.2', '', '220 ...');
  await clock.advance(600_000);
  await client('192.0.2.1', '', '220 ...');
});

test('counts connections of an address and of a network, and forgets those that are gone', async () => {
  await start({ connectionsPerAddressMax: 2, connectionsPerNetworkMax: 3 });
  let release: () => void = () => {};
  const hold = new Promise<void>((resolve) => {
    release = resolve;
  });
  const sockets: Promise<void>[] = [];
  const { connect } = await import('node:net');
  /** Opens a connection that stays until it is released. */
  const open = (address: string) =>
    new Promise<void>((resolve, fail) => {
      const socket = connect(port(), '127.0.0.1');
      let heard = '';
      socket.on('error', fail);
      socket.on('data', (chunk) => {
        heard += chunk.toString();
        const lines = heard.split('\r\n').length - 1;
        if (lines === 1) socket.write('HELO proxy.test\r\n');
        if (lines === 2) socket.write(`XCLIENT ADDR=${address}\r\n`);
        if (lines === 3) resolve();
      });
      sockets.push(
        hold.then(() => new Promise<void>((closed) => socket.on('close', () => closed()).end('QUIT\r\n'))),
      );
    });
  await open('192.0.2.1');
  await open('192.0.2.1');
  await client('192.0.2.1', '', '421 4.7.0 too many connections, try again later');
  await open('192.0.2.2');
  await client('192.0.2.3', '', '421 4.7.0 too many connections, try again later');
  await client('198.51.100.1', '', '220 ...');
  release();
  await Promise.all(sockets);
  await expect.poll(async () => client('192.0.2.1', '', '220 ...').then(() => 'in', String)).toBe('in');
});

test('answers to clients that err wait longer and longer', async () => {
  await start({ tarpitAfter: 2, tarpitStepMs: 1_000, tarpitMsMax: 2_000 });
  const unknown = rcpt('nobody', '550 ...');
  const before = clock.now();
  const done = client('192.0.2.1', hello('mail.example.org') + mail() + unknown.repeat(5)).then(() => true);
  for (let isOver = false; !isOver; ) {
    await clock.advance(100);
    isOver = await Promise.race([done, new Promise<false>((resolve) => setImmediate(() => resolve(false)))]);
  }
  // Two errors for nothing, then 1, 2 and 2 seconds.
  expect(clock.now() - before).toBeGreaterThanOrEqual(5_000);
});

test('explains what it does', async () => {
  await start();
  const { hooks } = server?.mta.explain() ?? { hooks: [] };
  const described = hooks.flatMap(({ checks }) => checks.map(({ description }) => description ?? ''));
  expect(described.join('\n')).toContain('421 beyond 20 connections of an address or 50 of a network');
  expect(described.join('\n')).toContain('ourHello reject, wrongLiteral reject, bareHello 2 points');
});
