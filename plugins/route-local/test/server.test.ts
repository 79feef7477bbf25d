import { definePlugin, directoryMemory } from '@postroad/core';
import { playDialogue, startDnsServer, startTestMta } from '@postroad/core/testing';
import { describe, expect, it } from 'vitest';
import { routeLocal } from '../src/index.js';

const login = Buffer.from('\0alice@example.org\0wonderland').toString('base64');

async function start() {
  const stored: string[] = [];
  const watcher = definePlugin({
    name: 'observe-stored',
    setup({ tap }) {
      tap('stored', ({ accountId, recipient }) => {
        stored.push(`${accountId} for ${recipient.address.localPart} orcpt ${recipient.orcpt ?? '–'}`);
      });
    },
  });
  const dns = await startDnsServer({
    'example.net': { MX: [{ preference: 10, exchange: 'mail.example.net' }] },
    'null.example.net': { MX: [{ preference: 0, exchange: '' }] },
  });
  const mta = await startTestMta({
    dns: { servers: [dns.address] },
    listeners: [
      { name: 'relay', host: '127.0.0.1', port: 0, role: 'relay' },
      {
        name: 'submission',
        host: '127.0.0.1',
        port: 0,
        role: 'submission',
        tls: 'none',
        plaintextAuth: true,
      },
    ],
    plugins: [
      watcher(),
      directoryMemory({
        accounts: [
          { address: 'alice@example.org', password: 'wonderland' },
          { address: 'bob@example.org', password: 'builder' },
        ],
      }),
      routeLocal({
        domains: ['example.org'],
        aliases: { 'both@example.org': ['alice@example.org', 'bob+x@example.org'] },
      }),
    ],
  });
  return {
    mta,
    stored,
    async [Symbol.asyncDispose]() {
      await mta.stop();
      await dns.close();
    },
  };
}

describe('route-local in a server', () => {
  it('says to a stranger who is here, and relays nothing', async () => {
    await using server = await start();
    await playDialogue(
      { port: server.mta.port('relay') },
      `
      S: 220 ...
      C: EHLO client.example
      S: ...
      S: 250 ...
      C: MAIL FROM:<somebody@example.net>
      S: 250 ...
      C: RCPT TO:<alice@example.org>
      S: 250 ...
      C: RCPT TO:<nobody@example.org>
      S: 550 5.1.1 ...
      C: RCPT TO:<somebody@example.net>
      S: 550 5.7.1 ...
      C: RCPT TO:<@example.org:somebody@example.net>
      S: 550 5.7.1 ...
      C: RCPT TO:<Postmaster>
      S: 250 ...
      C: RCPT TO:<POSTMASTER@example.org>
      S: 250 ...
      C: RCPT TO:<both@example.org>
      S: 250 ...
      C: QUIT
      S: 221 ...
    `,
    );
  });

  it('says to who is logged in which domains there are not', async () => {
    await using server = await start();
    await playDialogue(
      { port: server.mta.port('submission') },
      `
      S: 220 ...
      C: EHLO client.example
      S: ...
      S: 250 ...
      C: AUTH PLAIN ${login}
      S: 235 ...
      C: MAIL FROM:<alice@example.org>
      S: 250 ...
      C: RCPT TO:<somebody@example.net>
      S: 250 ...
      C: RCPT TO:<somebody@nowhere.example.net>
      S: 550 5.1.2 ...
      C: RCPT TO:<somebody@null.example.net>
      S: 556 5.1.10 ...
      C: RCPT TO:<nobody@example.org>
      S: 550 5.1.1 ...
      C: QUIT
      S: 221 ...
    `,
    );
  });

  it('brings a message for an alias to everybody behind it, once', async () => {
    await using server = await start();
    await playDialogue(
      { port: server.mta.port('relay') },
      `
      S: 220 ...
      C: EHLO client.example
      S: ...
      S: 250 ...
      C: MAIL FROM:<somebody@example.net>
      S: 250 ...
      C: RCPT TO:<both@example.org>
      S: 250 ...
      C: RCPT TO:<alice@example.org>
      S: 250 ...
      C: DATA
      S: 354 ...
      C: Subject: hello
      C: 
      C: body
      C: .
      S: 250 ...
      C: QUIT
      S: 221 ...
    `,
    );
    await expect.poll(() => server.stored.length, { timeout: 20_000 }).toBe(2);
    expect([...server.stored].sort()).toEqual([
      'alice@example.org for alice orcpt rfc822;both@example.org',
      'bob@example.org for bob+x orcpt rfc822;both@example.org',
    ]);
  });
});
