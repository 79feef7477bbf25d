import { once } from 'node:events';
import { stat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { isMailError, parseHeader } from '@postroad/core';
import { expectNothingLeaked, lookAtOpenThings } from '@postroad/core/testing';
import { expect, test } from 'vitest';
import { createKeyRing } from '../src/key-ring.js';
import { directory, publish, resolver, run, startSigner, useDirectory } from './kit.js';

useDirectory();

const message =
  'From: Alice <alice@example.org>\r\nTo: b@example.net\r\nSubject: hi  there\r\n\r\nhello \r\n\r\n\r\n';
const signatures = (sent: string) =>
  parseHeader(Buffer.from(sent))
    .all('dkim-signature')
    .map(({ value }) => {
      const tags = value
        .replace(/\s+/g, '')
        .split(';')
        .map((tag) => tag.split(/=(.*)/s).slice(0, 2));
      return Object.fromEntries(tags) as Record<string, string>;
    });

test('signs with both keys once their records are published, over all fields that are sent', async () => {
  const before = await lookAtOpenThings();
  const rows = await run('dkim create', { domain: 'Example.org', selector: 'one' });
  expect(rows).toMatchObject([
    {
      domain: 'example.org',
      selector: 'one-rsa',
      algorithm: 'rsa',
      state: 'waiting',
      record: 'one-rsa._domainkey.example.org',
    },
    { selector: 'one-ed25519', algorithm: 'ed25519' },
  ]);
  const signer = await startSigner({ refreshMs: 100 });
  expect(signatures(await signer.send(message))).toEqual([]);
  publish(rows);
  await signer.server.whenLogged('a DKIM key begins to sign');
  await expect.poll(async () => signatures(await signer.send(message)).length).toBe(2);
  const sent = await signer.send(message);
  // Above what others put in front: it is the last that was made.
  expect(sent).toMatch(/^DKIM-Signature: .*\r\nDKIM-Signature: .*\r\nX-Other: /s);
  expect(signatures(sent)).toMatchObject([
    { v: '1', a: 'ed25519-sha256', c: 'relaxed/relaxed', d: 'example.org', s: 'one-ed25519' },
    { a: 'rsa-sha256', s: 'one-rsa' },
  ]);
  const [{ h = '', t, x } = {}] = signatures(sent);
  // Twice means that nobody can add another one; Date and Message-ID are ours.
  const names = h.split(':');
  for (const name of ['from', 'to', 'subject', 'date', 'message-id'])
    expect(names.filter((one) => one === name)).toHaveLength(2);
  expect(names.filter((name) => name === 'cc')).toHaveLength(1);
  expect(Number(x) - Number(t)).toBe(14 * 86_400);
  expect((await run('dkim list')).map(({ state }) => state)).toEqual(['signing', 'signing']);
  await signer.server.stop();
  await expectNothingLeaked(before);
});

test('new keys take over when they are published; the old ones stay for a while and are then deleted', async () => {
  let nowMs = Date.now();
  const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
  const retireMs = 1_000;
  const ring = createKeyRing({
    config: { directory, retireMs, waitsForDns: true },
    clock: { now: () => nowMs },
    resolver,
    log: silent,
  });
  const signing = () => ring.keysFor('example.org').map(({ facts }) => facts.selector);
  const states = async () => (await run('dkim list')).map(({ selector, state }) => `${selector} ${state}`);

  publish(await run('dkim create', { domain: 'example.org', selector: 'one' }));
  await ring.refresh();
  expect(signing()).toEqual(['one-ed25519', 'one-rsa']);
  const second = await run('dkim rotate', { domain: 'example.org', selector: 'two' });
  await ring.refresh();
  expect(signing()).toEqual(['one-ed25519', 'one-rsa']);
  publish(second);
  nowMs += 10;
  await ring.refresh();
  expect(signing().sort()).toEqual(['two-ed25519', 'two-rsa']);
  expect(await states()).toEqual([
    'one-ed25519 retired',
    'one-rsa retired',
    'two-ed25519 signing',
    'two-rsa signing',
  ]);
  nowMs += retireMs;
  await ring.refresh();
  expect(await states()).toEqual([
    'one-ed25519 removed',
    'one-rsa removed',
    'two-ed25519 signing',
    'two-rsa signing',
  ]);
  await expect(stat(join(directory, 'example.org', 'one-rsa.pem'))).rejects.toThrow('ENOENT');
  expect((await stat(join(directory, 'example.org', 'two-rsa.pem'))).mode & 0o777).toBe(0o600);
});

test('commands refuse what makes no sense', async () => {
  const refusal = async (name: string, args: Record<string, string>) => {
    const error = await run(name, args).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    return isMailError(error) ? `${error.code} ${error.message}` : error;
  };
  expect(await refusal('dkim rotate', { domain: 'example.org' })).toMatch(
    /^E_NOT_FOUND example.org has no keys/,
  );
  expect(await refusal('dkim create', { domain: 'not a domain' })).toMatch(/^E_USAGE/);
  expect(await refusal('dkim create', { domain: 'example.org', selector: '../x' })).toMatch(/^E_USAGE/);
  await run('dkim create', { domain: 'example.org' });
  expect(await refusal('dkim create', { domain: 'example.org' })).toMatch(
    /^E_USAGE example.org has keys already/,
  );
  expect(await refusal('dkim rotate', { domain: 'example.org' })).toMatch(
    /^E_USAGE keys of example.org still wait/,
  );
});

test('a key that is not that of its record, or is gone, does not sign, and the other one does', async () => {
  const rows = await run('dkim create', { domain: 'example.org', selector: 'one' });
  publish(rows);
  await unlink(join(directory, 'example.org', 'one-rsa.pem'));
  await using signer = await startSigner();
  expect(signatures(await signer.send(message)).map(({ s }) => s)).toEqual(['one-ed25519']);
  expect(signer.server.logged.filter(({ event }) => event === 'a DKIM key can not be used')).toHaveLength(1);
});

test('subdomains are signed for by the domain above; strangers, and unclear senders, are not', async () => {
  publish(await run('dkim create', { domain: 'example.org' }));
  await using signer = await startSigner();
  const from = async (fields: string) =>
    signatures(await signer.send(`${fields}\r\n\r\nx\r\n`)).map(({ d }) => d);
  expect(await from('From: a@deep.sub.example.org')).toEqual(['example.org', 'example.org']);
  expect(await from('From: a@notexample.org')).toEqual([]);
  expect(await from('From: a@org')).toEqual([]);
  expect(await from('From: a@example.org\r\nFrom: b@example.org')).toEqual([]);
  expect(await from('From: a@example.org, b@example.net')).toEqual([]);
  expect(await from('Subject: x')).toEqual([]);

  const socket = connect(signer.server.port('relay'), '127.0.0.1');
  await once(socket, 'connect');
  let heard = '';
  socket.write(`EHLO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n`);
  for await (const chunk of socket) {
    heard += String(chunk);
    if (/^354 /m.test(String(chunk))) socket.write('From: a@example.org\r\n\r\nx\r\n.\r\nQUIT\r\n');
  }
  expect(heard).toMatch(/^250 .*queued/m);
  expect(signatures(signer.last())).toEqual([]);
});
