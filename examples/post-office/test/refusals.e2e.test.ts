/** What a post office must not take, and the codes it says so with. */

import { type DnsServer, startDnsServer } from '@postroad/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSmtp, plainResponse, type SmtpClient } from '../../testing/smtp-client.js';
import { alice, bob, messagesOf, type OpenPostOffice, openImap, openPostOffice } from './open-post-office.js';

let dns: DnsServer;
let office: OpenPostOffice;

beforeAll(async () => {
  dns = await startDnsServer({
    'elsewhere.test': { MX: [{ preference: 10, exchange: 'mx.elsewhere.test' }] },
    'mx.elsewhere.test': { A: ['127.0.0.1'] },
    'silent.test': { MX: [{ preference: 0, exchange: '' }] },
  });
  office = await openPostOffice('--dns', dns.address, '--max-size', '100000');
});

afterAll(async () => {
  await office?.[Symbol.asyncDispose]();
  await dns?.close();
});

async function login(who = alice): Promise<SmtpClient> {
  const client = await openSmtp(office.ports.submission);
  await client.say('EHLO client.test');
  expect(await client.say(`AUTH PLAIN ${plainResponse(who.login, who.password)}`)).toMatch(/^235 2\.7\.0 /);
  return client;
}

async function stranger(): Promise<SmtpClient> {
  const client = await openSmtp(office.ports.smtp);
  await client.say('EHLO stranger.test');
  return client;
}

describe('a client of the submission port', () => {
  it('is refused with a wrong password, as with an unknown login', async () => {
    const client = await openSmtp(office.ports.submission);
    await client.say('EHLO client.test');
    const wrong = await client.say(`AUTH PLAIN ${plainResponse(alice.login, 'looking-glass')}`);
    expect(wrong).toMatch(/^535 5\.7\.8 /);
    expect(await client.say(`AUTH PLAIN ${plainResponse('nobody@example.org', 'builder')}`)).toBe(wrong);
    client.close();
  });

  it('sends nothing without a login', async () => {
    const client = await openSmtp(office.ports.submission);
    await client.say('EHLO client.test');
    expect(await client.say('MAIL FROM:<alice@example.org>')).toMatch(/^530 5\.7\.0 /);
    client.close();
  });

  it("sends only as who it is, also not as the server's other users", async () => {
    const client = await login();
    expect(await client.say(`MAIL FROM:<${bob.login}>`)).toMatch(/^553 5\.7\.1 /);
    expect(await client.say('MAIL FROM:<alice@elsewhere.test>')).toMatch(/^553 5\.7\.1 /);
    expect(await client.say('MAIL FROM:<Alice@EXAMPLE.org>')).toMatch(/^250 2\.1\.0 /);
    client.close();
  });

  it('is told at once of an unknown user, an unknown domain, a domain without mail', async () => {
    const client = await login();
    await client.say('MAIL FROM:<alice@example.org>');
    expect(await client.say('RCPT TO:<carol@example.org>')).toMatch(/^550 5\.1\.1 /);
    expect(await client.say('RCPT TO:<carol@no-such-domain.test>')).toMatch(/^550 5\.1\.2 /);
    expect(await client.say('RCPT TO:<carol@silent.test>')).toMatch(/^556 5\.1\.10 /);
    expect(await client.say('RCPT TO:<carol@elsewhere.test>')).toMatch(/^250 2\.1\.5 /);
    expect(await client.say('DATA')).toMatch(/^354 /);
    client.close();
  });
});

describe('a stranger', () => {
  it('brings mail for users, and for postmaster in any spelling', async () => {
    const client = await stranger();
    await client.say('MAIL FROM:<carol@elsewhere.test>');
    expect(await client.say('RCPT TO:<bob@example.org>')).toMatch(/^250 2\.1\.5 /);
    expect(await client.say('RCPT TO:<PostMaster@example.org>')).toMatch(/^250 2\.1\.5 /);
    // RFC 5321 section 4.5.1: also without a domain.
    expect(await client.say('RCPT TO:<postmaster>')).toMatch(/^250 2\.1\.5 /);
    client.close();
  });

  it('is refused an unknown user and relaying, whomever it claims to be', async () => {
    const client = await stranger();
    await client.say('MAIL FROM:<alice@example.org>');
    expect(await client.say('RCPT TO:<carol@example.org>')).toMatch(/^550 5\.1\.1 /);
    for (const path of [
      'carol@elsewhere.test',
      '"carol@elsewhere.test"@[127.0.0.1]',
      'bob%example.org@elsewhere.test',
    ])
      expect(await client.say(`RCPT TO:<${path}>`)).toMatch(/^550 5\.(7\.1|1\.1) /);
    expect(await client.say('DATA')).toMatch(/^(503 5\.5\.1|554 5\.5\.1) /);
    client.close();
  });
});

describe('an oversized message', () => {
  it('is refused by its declared size before it is sent', async () => {
    const client = await stranger();
    expect(await client.say('MAIL FROM:<carol@elsewhere.test> SIZE=100001')).toMatch(/^552 5\.3\.4 /);
    client.close();
  });

  it('is refused by its true size when none was declared, and nothing of it arrives', async () => {
    const client = await stranger();
    await client.say('MAIL FROM:<carol@elsewhere.test>');
    await client.say('RCPT TO:<bob@example.org>');
    await client.say('DATA');
    client.write('Subject: too large\r\n\r\n');
    for (let sent = 0; sent < 101_000; sent += 1_000) client.write(`${'x'.repeat(998)}\r\n`);
    expect(await client.say('.')).toMatch(/^552 5\.3\.4 /);
    // The connection goes on, and a message within the limit behind it arrives.
    await client.say('MAIL FROM:<carol@elsewhere.test>');
    await client.say('RCPT TO:<bob@example.org>');
    await client.say('DATA');
    expect(await client.say('Subject: small enough\r\n\r\nfine\r\n.')).toMatch(/^250 2\.0\.0 /);
    client.close();
    const imap = await openImap(office.ports.imap, bob);
    const lock = await imap.getMailboxLock('INBOX');
    while (imap.mailbox !== false && imap.mailbox.exists === 0) await imap.noop();
    lock.release();
    const subjects = (await messagesOf(imap)).map(
      (source) => /^Subject: (.*)\r$/m.exec(source.toString())?.[1],
    );
    expect(subjects).toEqual(['small enough']);
    await imap.logout();
  });
});
