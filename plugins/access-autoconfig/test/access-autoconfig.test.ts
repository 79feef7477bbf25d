import { mkdtemp, rm } from 'node:fs/promises';
import { get, request } from 'node:http';
import { get as getSecurely } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DkimKeys, definePlugin } from '@postroad/core';
import { startTestMta, type TestMta } from '@postroad/core/testing';
import { XMLParser } from 'fast-xml-parser';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { accessAutoconfig } from '../src/access-autoconfig.js';
import { offersOf } from '../src/offers.js';

let directory: string;
let server: TestMta;
const options = {
  domains: ['example.org'],
  host: 'mail.example.org',
  displayName: 'Mail & <more>',
  listeners: [
    { host: '127.0.0.1', port: 0, tls: false },
    { host: '127.0.0.1', port: 0, tls: true },
  ],
  showsLoopback: true,
  mtaSts: { mode: 'enforce' as const },
  tlsReports: 'tls@example.org',
};

/** Signs, as far as records go. */
const signTest = definePlugin({
  name: 'sign-test',
  provides: [DkimKeys],
  setup({ provide }) {
    provide(DkimKeys, {
      records: (domain) => [
        { name: `s._domainkey.${domain}`, text: 'v=DKIM1; k=rsa; p=AAAA', state: 'signing' },
      ],
    });
  },
});

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'access-autoconfig-'));
  server = await startTestMta({
    tls: { selfSignedDirectory: directory },
    plugins: [accessAutoconfig(options), signTest()],
    listeners: [
      { name: 'relay', host: '127.0.0.1', port: 0, role: 'relay' },
      { name: 'submission', host: '127.0.0.1', port: 0, role: 'submission' },
      { name: 'submissions', host: '127.0.0.1', port: 0, role: 'submission', tls: 'implicit' },
    ],
  });
});
afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

async function ask(
  path: string,
  {
    host = 'autoconfig.example.org',
    body,
    isSecure = false,
  }: { host?: string; body?: string; isSecure?: boolean } = {},
): Promise<Answer> {
  const facts = {
    host: '127.0.0.1',
    port: server.port(isSecure ? 'autoconfig-https' : 'autoconfig-http'),
    path,
    headers: { host },
    agent: false as const,
  };
  return await new Promise((resolve, reject) => {
    const answered = (response: import('node:http').IncomingMessage) => {
      let text = '';
      response.on('data', (chunk) => {
        text += String(chunk);
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', text }),
      );
    };
    if (body !== undefined)
      request({ ...facts, method: 'POST' }, answered)
        .on('error', reject)
        .end(body);
    else if (isSecure) getSecurely({ ...facts, rejectUnauthorized: false }, answered).on('error', reject);
    else get(facts, answered).on('error', reject);
  });
}

const parse = (text: string) =>
  new XMLParser({ ignoreAttributes: false, processEntities: false }).parse(text);

test('Thunderbird gets what is open, TLS first, over HTTP and HTTPS', async () => {
  const page = await ask('/mail/config-v1.1.xml?emailaddress=alice%40example.org');
  expect(page).toMatchObject({ status: 200, type: 'text/xml; charset=utf-8' });
  const { emailProvider } = parse(page.text).clientConfig;
  expect(emailProvider.displayName).toBe('Mail &#38; &#60;more&#62;');
  expect(emailProvider.outgoingServer).toMatchObject([
    {
      hostname: 'mail.example.org',
      port: server.port('submissions'),
      socketType: 'SSL',
      username: '%EMAILADDRESS%',
    },
    { port: server.port('submission'), socketType: 'STARTTLS' },
  ]);
  expect(emailProvider.incomingServer).toBeUndefined();
  const secure = await ask('/.well-known/autoconfig/mail/config-v1.1.xml', {
    host: 'example.org',
    isSecure: true,
  });
  expect(secure.text).toBe(page.text);
});

test('Outlook gets the account for the address that it asks about', async () => {
  const body =
    '<Autodiscover><Request><EMailAddress>alice@example.org</EMailAddress></Request></Autodiscover>';
  const page = await ask('/Autodiscover/Autodiscover.xml', { host: 'autodiscover.example.org', body });
  const { Protocol } = parse(page.text).Autodiscover.Response.Account;
  expect(Protocol).toMatchObject({
    Type: 'SMTP',
    Server: 'mail.example.org',
    Port: server.port('submissions'),
    SSL: 'on',
    LoginName: 'alice@example.org',
  });
  expect(
    (await ask('/autodiscover/autodiscover.xml', { body: body.replace('example.org', 'other.example') }))
      .status,
  ).toBe(404);
  expect((await ask('/autodiscover/autodiscover.xml', { body: 'x'.repeat(70_000) })).status).toBe(413);
});

test('other servers get the policy of the domain that they ask about', async () => {
  const page = await ask('/.well-known/mta-sts.txt', { host: 'mta-sts.example.org', isSecure: true });
  expect(page).toEqual({
    status: 200,
    type: 'text/plain',
    text: 'version: STSv1\r\nmode: enforce\r\nmx: mail.example.org\r\nmax_age: 604800\r\n',
  });
  expect((await ask('/.well-known/mta-sts.txt', { host: 'mta-sts.other.example' })).status).toBe(404);
  expect((await ask('/.well-known/mta-sts.txt', { host: 'example.org' })).status).toBe(404);
});

test('what is not known is not there, and what is asked ends in no markup', async () => {
  for (const path of [
    '/',
    '/../etc/passwd',
    '//',
    '/mail/config-v1.1.xml?emailaddress=a@other.example',
    '/email.mobileconfig?email=%3Cx%3E@example.org',
  ]) {
    expect((await ask(path)).status).toBe(404);
  }
  const odd = await ask('/autodiscover/autodiscover.xml?email=a%26%22%3Cb%3E@example.org');
  expect(odd.text).not.toContain('<b>');
});

test('an Apple profile needs a way to read and one to send', async () => {
  const { appleConfig } = await import('../src/apple.js');
  const facts = {
    domain: 'example.org',
    host: 'mail.example.org',
    displayName: 'Mail',
    offers: [{ protocol: 'imap', port: 993, tls: 'implicit' }] as const,
  };
  expect(appleConfig(facts, 'a@example.org')).toBeUndefined();
  const both = {
    ...facts,
    offers: [...facts.offers, { protocol: 'submission', port: 465, tls: 'implicit' } as const],
  };
  const profile = appleConfig(both, 'a@example.org') ?? '';
  expect(profile).toContain('<key>IncomingMailServerPortNumber</key>\n<integer>993</integer>');
  expect(profile).toBe(appleConfig(both, 'a@example.org'));
});

test('ports are told as clients see them, and those on loopback are not', () => {
  const one = {
    name: 'x',
    protocol: 'imap',
    role: 'access',
    tls: 'implicit',
    close: async () => undefined,
  } as const;
  const open = [
    { ...one, host: '::', port: 2_993 },
    { ...one, host: '127.0.0.1', port: 1 },
    { ...one, host: '::', port: 143, tls: 'none' as const },
    { ...one, host: '::', port: 4_190, protocol: 'sieve' },
  ];
  expect(offersOf(open, { ports: { 2993: 993 }, showsLoopback: false })).toEqual([
    { protocol: 'imap', port: 993, tls: 'implicit' },
  ]);
});
