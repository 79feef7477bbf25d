import { accept, definePlugin, type PluginUse, parseAddress, readBody, reject } from '@postroad/core';
import { type DnsServer, startDnsServer, startTestMta, type TestMta } from '@postroad/core/testing';
import { afterEach, expect, test } from 'vitest';
import { deliverSmtp } from '../src/index.js';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A plugin for one domain: its users are local, everything else goes by MX. What is stored is noted. */
function house(domain: string, users: readonly string[], stored: string[]): PluginUse {
  const isLocal = (of: string) => of === domain;
  return definePlugin({
    name: 'route-test',
    setup({ tap }) {
      tap('recipient', (_transaction, { address }) =>
        !isLocal(address.domain) || users.includes(address.localPart)
          ? accept()
          : reject(550, '1.1', 'no such user here'),
      );
      tap('route', (_envelope, { address }) =>
        isLocal(address.domain)
          ? { transport: 'local', accountId: address.localPart }
          : { transport: 'mx', domain: address.domain },
      );
      tap('stored', async ({ message, accountId }) => {
        const body = (await readBody(message.body, 1_000_000)).toString('latin1');
        stored.push(`${accountId}\n${message.headerPrefix}${body}`);
      });
    },
  })();
}

interface Mail {
  readonly dns: DnsServer;
  readonly atHome: string[];
  readonly abroad: string[];
  readonly home: TestMta;
  startAbroad(port: number): Promise<TestMta>;
}

/** A server for example.org, and one for example.net that is started when a test wants it. */
async function startMail(port: number): Promise<Mail> {
  const dns = await startDnsServer({
    'example.net': { MX: [{ preference: 10, exchange: 'mx.example.net' }] },
    'mx.example.net': { A: ['127.0.0.1'] },
  });
  closing.push(() => dns.close());
  const atHome: string[] = [];
  const abroad: string[] = [];
  const home = await startTestMta({
    hostname: 'mx.example.org',
    dns: { servers: [dns.address] },
    queue: { retryDelaysMs: [50], retryJitter: 0 },
    plugins: [house('example.org', ['alice'], atHome), deliverSmtp({ port, allowPrivateAddresses: true })],
  });
  closing.push(() => home.stop());
  const startAbroad = async (on: number) => {
    const mta = await startTestMta({
      hostname: 'mx.example.net',
      plugins: [house('example.net', ['bob'], abroad)],
      listeners: [{ name: 'relay', host: '127.0.0.1', port: on, role: 'relay' }],
    });
    closing.push(() => mta.stop());
    return mta;
  };
  return { dns, atHome, abroad, home, startAbroad };
}

const content =
  'From: alice@example.org\r\nSubject: hello\r\nMessage-ID: <1@example.org>\r\n\r\n.dots\r\nü\r\n';

async function send(mail: Mail, to: string): Promise<void> {
  const recipient = parseAddress(to);
  if (recipient === undefined) throw new Error(`not an address: ${to}`);
  await mail.home.mta.submit(
    { reversePath: parseAddress('alice@example.org') ?? null, recipients: [{ address: recipient }] },
    Buffer.from(content),
  );
}

async function freePort(): Promise<number> {
  const probe = await startTestMta({ plugins: [house('x.test', [], [])] });
  const port = probe.port('relay');
  await probe.stop();
  return port;
}

test('a message goes to the server of the other domain, unchanged, and waits while that is down', async () => {
  const port = await freePort();
  const mail = await startMail(port);
  await send(mail, 'bob@example.net');
  await expect.poll(async () => (await mail.home.mta.queue.count()).byState.waiting).toBe(1);
  await mail.startAbroad(port);
  await expect.poll(() => mail.abroad.length, { timeout: 10_000 }).toBe(1);
  expect(mail.abroad[0]).toMatch(/^bob\nReturn-Path: <alice@example.org>\r\n|^bob\nReceived: /);
  expect(mail.abroad[0]?.endsWith(Buffer.from(content).toString('latin1'))).toBe(true);
  await expect.poll(async () => (await mail.home.mta.queue.count()).messages).toBe(0);
});

test('what the other server refuses comes back to the sender with its words', async () => {
  const port = await freePort();
  const mail = await startMail(port);
  await mail.startAbroad(port);
  await send(mail, 'nobody@example.net');
  await expect.poll(() => mail.atHome.length, { timeout: 10_000 }).toBe(1);
  const [dsn = ''] = mail.atHome;
  expect(dsn).toMatch(/^alice\n/);
  expect(dsn).toContain('Content-Type: multipart/report; report-type=delivery-status;');
  expect(dsn).toContain('Final-Recipient: rfc822; nobody@example.net');
  expect(dsn).toContain('Status: 5.1.1');
  expect(dsn).toContain('Remote-MTA: dns; mx.example.net');
  expect(dsn).toContain('Diagnostic-Code: smtp; 550 5.1.1 no such user here');
  expect(mail.abroad).toEqual([]);
});

test('a domain that does not exist comes back at once', async () => {
  const mail = await startMail(1);
  await send(mail, 'bob@nowhere.example');
  await expect.poll(() => mail.atHome.length, { timeout: 10_000 }).toBe(1);
  expect(mail.atHome[0]).toContain('Status: 5.1.2');
});
