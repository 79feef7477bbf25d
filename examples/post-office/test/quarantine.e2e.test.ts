/** The composition of the post office with DMARC beside it, and nothing else that judges. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkAuth } from '@postroad/check-auth';
import { checkDmarcPolicy } from '@postroad/check-dmarc-policy';
import { createMta, type Mta } from '@postroad/core';
import { type DnsServer, startDnsServer } from '@postroad/core/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openSmtp } from '../../testing/smtp-client.js';
import { prepareAccounts } from '../dist/accounts.js';
import { readOptions } from '../dist/options.js';
import { postOffice, usersFileOf } from '../dist/post-office.js';
import { bob, messagesOf, openImap, portNames } from './open-post-office.js';

let directory: string;
let dns: DnsServer;
let mta: Mta;
const portOf = (name: string) => mta.listeners.find((one) => one.name.includes(name))?.port ?? 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'post-office-'));
  dns = await startDnsServer({
    'doubtful.example': { TXT: ['v=spf1 -all'] },
    '_dmarc.doubtful.example': { TXT: ['v=DMARC1; p=quarantine'] },
    'forged.example': { TXT: ['v=spf1 -all'] },
    '_dmarc.forged.example': { TXT: ['v=DMARC1; p=reject'] },
    'honest.example': { TXT: ['v=spf1 ip4:127.0.0.1 -all'] },
    '_dmarc.honest.example': { TXT: ['v=DMARC1; p=quarantine'] },
  });
  const ports = portNames.flatMap((name) => ['--port', `${name}=0`]);
  const options = readOptions(['--data', directory, '--dns', dns.address, '--log', 'silent', ...ports], {});
  if (options === 'help') throw new Error('no options');
  await prepareAccounts(usersFileOf(options), { domain: options.domain, hasDemo: true });
  const office = postOffice(options);
  mta = createMta({ ...office, plugins: [...(office.plugins ?? []), checkAuth(), checkDmarcPolicy()] });
  await mta.start();
});

afterAll(async () => {
  await mta?.stop();
  await dns?.close();
  await rm(directory, { recursive: true, force: true });
});

/** What a stranger at loopback hears of a message from the domain. */
async function send(domain: string): Promise<string> {
  const client = await openSmtp(portOf('smtp'));
  try {
    await client.say('EHLO mail.stranger.example');
    await client.say(`MAIL FROM:<ann@${domain}>`);
    await client.say('RCPT TO:<bob@example.org>');
    await client.say('DATA');
    return await client.say(`From: Ann <ann@${domain}>\r\nSubject: from ${domain}\r\n\r\nhello\r\n.`);
  } finally {
    client.close();
  }
}

it('files what fails DMARC into Junk, lets into INBOX what passes, and refuses where the domain says so', async () => {
  expect(await send('doubtful.example')).toMatch(/^250 /);
  expect(await send('honest.example')).toMatch(/^250 /);
  expect(await send('forged.example')).toMatch(/^550 5\.7\.1 /);
  const imap = await openImap(portOf('imap'), bob);
  try {
    const subjects = async (mailbox: string) => {
      const texts = (await messagesOf(imap, mailbox)).map(String);
      return texts.map((text) => /^Subject: (.*)\r$/m.exec(text)?.[1]);
    };
    const boxes = async () => (await imap.list()).map(({ path }) => path);
    await expect.poll(boxes).toContain('Junk');
    await expect.poll(() => subjects('Junk')).toEqual(['from doubtful.example']);
    await expect.poll(() => subjects('INBOX')).toEqual(['from honest.example']);
    const [junk] = (await messagesOf(imap, 'Junk')).map(String);
    expect(junk).toMatch(/^Authentication-Results: mail\.example\.org;[\s\S]*?dmarc=fail/m);
    const special = (await imap.list()).find(({ path }) => path === 'Junk')?.specialUse;
    expect(special).toBe('\\Junk');
  } finally {
    await imap.logout();
  }
});
