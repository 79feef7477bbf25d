/** Exim's own DKIM verifies what we sign with RSA and Ed25519, and we verify what it signs, over the wire. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkAuth } from '@postroad/check-auth';
import {
  accept,
  createResolver,
  definePlugin,
  type MessageAuthentication,
  messageAuthentication,
  systemClock,
} from '@postroad/core';
import {
  createSeededRandom,
  type DnsServer,
  freePort,
  sendMessage,
  startDnsServer,
  startTestMta,
  type TestMta,
} from '@postroad/core/testing';
import { deliverSmtp } from '@postroad/deliver-smtp';
import { signDkim } from '@postroad/sign-dkim';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EximWithDkim, eximMissing, startEximWithDkim } from './exim-with-dkim.js';

/** Programs know port 53 only: an address of loopback that hardly anybody else has it on. */
const dnsAddress = `127.53.${process.pid % 250}.53`;

let directory: string;
let dns: DnsServer;
let exim: EximWithDkim;
let server: TestMta;
const seen: MessageAuthentication[] = [];

beforeAll(async () => {
  if (eximMissing !== undefined) return;
  dns = await startDnsServer({}, { host: dnsAddress, port: 53 });
  directory = await mkdtemp(join(tmpdir(), 'exim-dkim-'));
  await makeOurKeys();
  const theirs = makeTheirKeys();
  let eximPort = 0;
  const route = definePlugin({
    name: 'route-test',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('route', (_envelope, { address: { domain } }) =>
        domain === 'example.net'
          ? { transport: 'smtp', host: '127.0.0.1', port: eximPort }
          : { transport: 'local', accountId: 'bob' },
      );
      tap('message', (message) => {
        const found = message.get(messageAuthentication);
        // What we hand in ourselves is not signed yet.
        if (found !== undefined && found.dkim.length > 0) seen.push(found);
        return undefined;
      });
    },
  });
  const relayPort = await freePort();
  server = await startTestMta({
    resolver: createResolver({ clock: systemClock, random: createSeededRandom(1), servers: [dns.address] }),
    plugins: [
      signDkim({ directory }),
      checkAuth({ checks: ['dkim'] }),
      deliverSmtp({ allowPrivateAddresses: true }),
      route(),
    ],
    listeners: [{ name: 'relay', host: '127.0.0.1', port: relayPort, role: 'relay' }],
  });
  exim = await startEximWithDkim({ dnsAddress, keys: theirs, onwardPort: relayPort });
  eximPort = exim.port;
}, 120_000);
afterAll(async () => {
  await exim?.[Symbol.asyncDispose]();
  await server?.stop();
  await dns?.close();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

/** As `postroad dkim create` does, and their records into the DNS. */
async function makeOurKeys(): Promise<void> {
  const command = signDkim({ directory }).definition.commands?.find(({ name }) => name === 'dkim create');
  const terminal = {
    isJson: true,
    result(rows: readonly { record: string; text: string }[]) {
      for (const { record, text } of rows) dns.set(record, { TXT: [text] });
    },
  };
  const args = { domain: 'example.org', selector: 'one' };
  await command?.run({ config: { directory }, args, terminal } as never);
}

/** Their keys by selector; the records go into the DNS (RFC 8463 section 4: the bare key for Ed25519). */
function makeTheirKeys(): Readonly<Record<string, string>> {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const ed25519 = generateKeyPairSync('ed25519');
  const spki = (key: KeyObject) => key.export({ type: 'spki', format: 'der' });
  const records = {
    rsa: `v=DKIM1; k=rsa; p=${spki(rsa.publicKey).toString('base64')}`,
    ed: `v=DKIM1; k=ed25519; p=${spki(ed25519.publicKey).subarray(-32).toString('base64')}`,
  };
  for (const [selector, text] of Object.entries(records))
    dns.set(`${selector}._domainkey.example.net`, { TXT: [text] });
  const pem = (key: KeyObject) => String(key.export({ type: 'pkcs8', format: 'pem' }));
  return { rsa: pem(rsa.privateKey), ed: pem(ed25519.privateKey) };
}

/** The message of a subject, once Exim has delivered it. */
async function delivered(subject: string): Promise<string> {
  const find = async () => (await exim.messages()).find((text) => text.includes(`Subject: ${subject}\n`));
  await expect.poll(find, { timeout: 60_000 }).toBeDefined();
  return (await find()) ?? '';
}

const verified = (text: string) => [...text.matchAll(/^X-Verified: (.+)$/gm)].map(([, said]) => said).sort();

describe.skipIf(eximMissing !== undefined)(`Exim (${eximMissing ?? 'here'})`, () => {
  it('verifies both of our signatures, and finds out what was changed', { timeout: 120_000 }, async () => {
    const content =
      'From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: signed\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nHello.\r\n.dot\r\n';
    await server.mta.submit({ reversePath: 'ann@example.org', recipients: ['bob@example.net'] }, content);
    const text = await delivered('signed');
    expect(verified(text)).toEqual(['example.org ed25519-sha256 pass', 'example.org rsa-sha256 pass']);
    const changed = text
      .slice(text.indexOf('DKIM-Signature:'))
      .replace('Subject: signed', 'Subject: changed')
      .replaceAll(/^X-Verified:.*\n/gm, '')
      .replaceAll('\n', '\r\n');
    const message = { port: exim.port, from: 'ann@example.org', to: ['bob@example.net'], content: changed };
    expect((await sendMessage(message)).outcome).toMatch(/^250 /);
    expect(verified(await delivered('changed'))).toEqual([
      'example.org ed25519-sha256 fail',
      'example.org rsa-sha256 fail',
    ]);
  });

  it('signs with both kinds of keys what we verify', { timeout: 120_000 }, async () => {
    const content =
      'From: carol@example.net\r\nTo: bob@example.org\r\nSubject: back\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nHello.\r\n\r\n\r\n';
    const message = { port: exim.port, from: 'carol@example.net', to: ['bob@example.org'], content };
    expect((await sendMessage(message)).outcome).toMatch(/^250 /);
    await expect.poll(() => seen.length, { timeout: 60_000 }).toBe(1);
    const found = (seen[0]?.dkim ?? []).map(({ result, domain, selector, algorithm }) =>
      [result, domain, selector, algorithm].join(' '),
    );
    expect(found.sort()).toEqual(['pass example.net ed ed25519-sha256', 'pass example.net rsa rsa-sha256']);
  });
});
