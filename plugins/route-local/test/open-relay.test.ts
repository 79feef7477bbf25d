/** The forms by which servers were made to relay for strangers: percent hacks, bang paths, source routes, quotes. */
import { directoryMemory } from '@postroad/core';
import { sendMessage, startTestMta, type TestMta } from '@postroad/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { routeLocal } from '../src/index.js';

let server: TestMta;
beforeAll(async () => {
  server = await startTestMta({
    plugins: [
      directoryMemory({ accounts: [{ address: 'alice@example.org', password: 'wonderland' }] }),
      routeLocal({ domains: ['example.org'] }),
    ],
  });
});
afterAll(() => server.stop());

const senders = [
  'eve@evil.example',
  '',
  'alice@example.org',
  'eve@localhost',
  'eve@[127.0.0.1]',
  'postmaster@example.org',
];

const recipients = [
  'victim@victim.example',
  'victim%victim.example@example.org',
  'victim%victim.example@[127.0.0.1]',
  'victim%victim.example',
  'victim%victim.example%example.org@example.org',
  '"victim@victim.example"',
  '"victim%victim.example"',
  '"victim@victim.example"@example.org',
  '"victim%victim.example"@example.org',
  '"victim@victim.example"@[127.0.0.1]',
  '@example.org:victim@victim.example',
  '@[127.0.0.1]:victim@victim.example',
  '@example.org,@victim.example:victim@victim.example',
  'victim.example!victim',
  'victim.example!victim@example.org',
  'example.org!victim.example!victim',
  'victim.example!victim@[127.0.0.1]',
  'victim@victim.example@example.org',
  'victim@[victim.example]',
  'victim@example.org.victim.example',
  'victim@localhost',
  'alice',
  'nobody@example.org',
];

describe('a stranger', () => {
  it.each(recipients)('can not have mail relayed to <%s>', async (recipient) => {
    const { outcome, recipients: answers } = await sendMessage({
      port: server.port('relay'),
      from: 'eve@evil.example',
      to: [recipient],
    });
    expect(answers).toHaveLength(1);
    expect(outcome).toMatch(/^5\d\d 5\./);
  });

  it.each(senders)('can not by calling itself <%s>', async (from) => {
    const { outcome } = await sendMessage({
      port: server.port('relay'),
      from,
      to: ['victim@victim.example'],
    });
    expect(outcome).toMatch(/^550 5\.7\.1 /);
  });

  it('reaches who is here', async () => {
    const { outcome } = await sendMessage({ port: server.port('relay'), to: ['alice@example.org'] });
    expect(outcome).toMatch(/^250 /);
  });
});
