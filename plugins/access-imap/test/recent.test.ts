/** \Recent (RFC 3501 section 2.3.2): each message in one session, the first that is told of it. */
import { createStoreMemory } from '@postroad/core';
import { expect, test } from 'vitest';
import { connectClient, logIn } from './client.js';
import { startHost } from './host.js';
import { systemClock } from './system-clock.js';

const start = () => startHost({ store: createStoreMemory({ nowMs: () => systemClock.now() }) });

test('a message is recent in the first session that may change the mailbox, and in no later one', async () => {
  await using host = await start();
  for (const subject of ['one', 'two']) await host.deliver(`Subject: ${subject}\n\nx\n`);
  const client = await logIn(host.port);
  expect(await client.ok('EXAMINE INBOX')).toContain('* 2 RECENT');
  expect((await client.ok('STATUS INBOX (RECENT)'))[0]).toBe('* STATUS INBOX (RECENT 2)');
  expect(await client.ok('SELECT INBOX')).toContain('* 2 RECENT');
  expect((await client.ok('FETCH 1 FLAGS'))[0]).toBe('* 1 FETCH (FLAGS (\\Recent))');
  expect((await client.ok('FETCH 2 BODY[TEXT]'))[0]).toContain('FLAGS (\\Seen \\Recent)');
  expect((await client.ok('SEARCH RECENT'))[0]).toBe('* SEARCH 1 2');
  expect((await client.ok('SEARCH NEW'))[0]).toBe('* SEARCH 1');
  expect((await client.ok('SEARCH OLD'))[0]).toBe('* SEARCH');
  const later = await logIn(host.port);
  expect((await later.ok('STATUS INBOX (RECENT)'))[0]).toBe('* STATUS INBOX (RECENT 0)');
  expect(await later.ok('SELECT INBOX')).toContain('* 0 RECENT');
  expect((await later.ok('FETCH 1 FLAGS'))[0]).toBe('* 1 FETCH (FLAGS ())');
  expect((await later.ok('SEARCH OLD'))[0]).toBe('* SEARCH 1 2');
  await client.ok('STORE 1 +FLAGS (\\Deleted)');
  expect(await client.ok('EXPUNGE')).toContain('* 1 EXPUNGE');
  await host.deliver('Subject: three\n\nx\n');
  // One of the two hears of it first.
  expect(await client.ok('NOOP')).toEqual(expect.arrayContaining(['* 2 EXISTS', '* 2 RECENT']));
  expect(await later.ok('NOOP')).toEqual(expect.arrayContaining(['* 2 EXISTS', '* 0 RECENT']));
  expect((await client.ok('SEARCH RECENT'))[0]).toBe('* SEARCH 1 2');
  await client.ok('CLOSE');
  await later.ok('UNSELECT');
  expect(await client.ok('SELECT INBOX')).toContain('* 0 RECENT');
  expect(host.errors).toEqual([]);
});

test('what was told of while the mailbox was open stays claimed when it is left', async () => {
  await using host = await start();
  const client = await logIn(host.port, 'INBOX');
  await host.deliver('Subject: one\n\nx\n');
  expect(await client.ok('NOOP')).toContain('* 1 RECENT');
  await client.ok('UNSELECT');
  const inbox = await host.store.mailboxByName('alice', 'INBOX');
  expect(await host.store.firstRecent?.(inbox?.id ?? '')).toBe(2);
});

test('RFC 9051 has none of it', async () => {
  await using host = await start();
  await host.deliver('Subject: one\n\nx\n');
  const client = await connectClient(host.port);
  await client.ok('LOGIN alice secret');
  await client.ok('ENABLE IMAP4rev2');
  expect((await client.ok('SELECT INBOX')).join()).not.toContain('RECENT');
  expect((await client.ok('FETCH 1 FLAGS'))[0]).toBe('* 1 FETCH (FLAGS ())');
  client.close();
});
