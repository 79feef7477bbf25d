/** Another make of server verifies what we sign, and we verify what it signs, over the wire. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkAuth } from '@postroad/check-auth';
import {
  accept,
  definePlugin,
  type MessageAuthentication,
  messageAuthentication,
  type Resolver,
} from '@postroad/core';
import { freePort, sendMessage, startTestMta, type TestMta } from '@postroad/core/testing';
import { deliverSmtp } from '@postroad/deliver-smtp';
import { signDkim } from '@postroad/sign-dkim';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type PostfixWithOpendkim,
  postfixMissing,
  startPostfixWithOpendkim,
} from './postfix-with-opendkim.js';

const theirs = generateKeyPairSync('rsa', {
  modulusLength: 2_048,
  publicKeyEncoding: { type: 'spki', format: 'der' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});

let directory: string;
let postfix: PostfixWithOpendkim;
let server: TestMta;
const published = new Map([
  ['test._domainkey.example.net', `v=DKIM1; k=rsa; p=${theirs.publicKey.toString('base64')}`],
]);
const seen: MessageAuthentication[] = [];

const resolver: Resolver = {
  mx: async () => [],
  addresses: async (name) => (name === '127.0.0.1' ? [name] : []),
  names: async () => [],
  txt: async (name) => [published.get(name) ?? []].flat(),
};

beforeAll(async () => {
  if (postfixMissing !== undefined) return;
  directory = await mkdtemp(join(tmpdir(), 'other-make-'));
  await makeKeys();
  const ports = { 'example.net': 0, 'seven.example.net': 0 };
  const route = definePlugin({
    name: 'route-test',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('route', (_envelope, { address: { domain } }) =>
        domain === 'example.net' || domain === 'seven.example.net'
          ? { transport: 'smtp', host: '127.0.0.1', port: ports[domain] }
          : { transport: 'local', accountId: 'bob' },
      );
      tap('message', (message) => {
        const found = message.get(messageAuthentication);
        if (found !== undefined) seen.push(found);
        return undefined;
      });
    },
  });
  const relayPort = await freePort();
  server = await startTestMta({
    resolver,
    plugins: [
      signDkim({ directory }),
      checkAuth({ checks: ['dkim'] }),
      deliverSmtp({ allowPrivateAddresses: true }),
      route(),
    ],
    listeners: [{ name: 'relay', host: '127.0.0.1', port: relayPort, role: 'relay' }],
  });
  postfix = await startPostfixWithOpendkim({ key: theirs.privateKey, published, relayPort });
  ports['example.net'] = postfix.port;
  ports['seven.example.net'] = postfix.sevenBitPort;
}, 90_000);
afterAll(async () => {
  await postfix?.[Symbol.asyncDispose]();
  await server?.stop();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

/** As `postroad dkim create` does, and their records into the DNS. */
async function makeKeys(): Promise<void> {
  const command = signDkim({ directory }).definition.commands?.find(({ name }) => name === 'dkim create');
  const terminal = {
    isJson: true,
    result(rows: readonly { record: string; text: string }[]) {
      for (const { record, text } of rows) published.set(record, text);
    },
  };
  const args = { domain: 'example.org', selector: 'one' };
  await command?.run({ config: { directory }, args, terminal } as never);
}

/** The message of a subject, once Postfix has delivered it. */
async function delivered(subject: string): Promise<string> {
  const find = async () => (await postfix.messages()).find((text) => text.includes(`Subject: ${subject}\n`));
  await expect.poll(find, { timeout: 60_000 }).toBeDefined();
  return (await find()) ?? '';
}

const resultsIn = (text: string) =>
  /^Authentication-Results: postfix\.test;[^\n]*(?:\n[ \t][^\n]*)*/m.exec(text)?.[0];

describe.skipIf(postfixMissing !== undefined)(`Postfix with opendkim (${postfixMissing ?? 'here'})`, () => {
  it('verifies what we sign, and finds out what was changed on the way', { timeout: 120_000 }, async () => {
    const from = 'From: Ann <ann@example.org>\r\nTo: bob@example.net\r\n';
    const content = `${from}Subject: signed\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nHello.\r\n.dot\r\n`;
    await server.mta.submit({ reversePath: 'ann@example.org', recipients: ['bob@example.net'] }, content);
    const text = await delivered('signed');
    expect(text.match(/^DKIM-Signature:/gm)).toHaveLength(2);
    expect(resultsIn(text)).toMatch(/dkim=pass .*header\.d=example\.org/s);
    expect(resultsIn(text)).not.toMatch(/dkim=(?:fail|permerror)/);
    const changed = text
      .slice(text.indexOf('DKIM-Signature:'))
      .replace('Subject: signed', 'Subject: changed')
      .replaceAll('\n', '\r\n');
    const message = {
      port: postfix.port,
      from: 'ann@example.org',
      to: ['bob@example.net'],
      content: changed,
    };
    expect((await sendMessage(message)).outcome).toMatch(/^250 /);
    expect(resultsIn(await delivered('changed'))).toMatch(/dkim=fail .*header\.d=example\.org/s);
  });

  it('verifies what had to be converted for it', { timeout: 120_000 }, async () => {
    const header =
      'From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: converted\r\nMIME-Version: 1.0\r\n' +
      'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n';
    await server.mta.submit(
      { reversePath: 'ann@example.org', recipients: ['bob@seven.example.net'] },
      `${header}Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nGr\u00fc\u00dfe aus der Ferne, an alle, die dort geblieben sind\r\n`,
    );
    const text = await delivered('converted');
    expect(text).toContain('\nContent-Transfer-Encoding: quoted-printable\n');
    expect(text).toContain('\n\nGr=C3=BC=C3=9Fe aus der Ferne, an alle');
    expect(text.match(/^DKIM-Signature:/gm)).toHaveLength(2);
    expect(resultsIn(text)).toMatch(/dkim=pass .*header\.d=example\.org/s);
    expect(resultsIn(text)).not.toMatch(/dkim=(?:fail|permerror)/);
  });

  it('signs what we verify', { timeout: 120_000 }, async () => {
    const content =
      'From: carol@example.net\r\nTo: bob@example.org\r\nSubject: back\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nHello.\r\n\r\n\r\n';
    const message = { port: postfix.port, from: 'carol@example.net', to: ['bob@example.org'], content };
    expect((await sendMessage(message)).outcome).toMatch(/^250 /);
    await expect.poll(() => seen.length, { timeout: 60_000 }).toBe(1);
    expect(seen[0]?.dkim).toMatchObject([
      { result: 'pass', domain: 'example.net', selector: 'test', algorithm: 'rsa-sha256', isWhole: true },
    ]);
  });
});
