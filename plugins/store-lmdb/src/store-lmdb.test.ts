/** The plugin in a running server. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { definePlugin, MailboxStore } from '@postroad/core';
import { createVirtualClock, startTestMta } from '@postroad/core/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { storeLmdb } from './store-lmdb.js';
import { messageNamed } from './test-kit.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postroad-plugin-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

/** A plugin that hands out the store it was given. */
function probe(found: MailboxStore[]) {
  return definePlugin({
    name: 'observe-store',
    needs: { store: MailboxStore },
    setup: ({ services }) => void found.push(services.store),
  })();
}

const inbox = [{ accountId: 'alice', mailbox: { name: 'INBOX' }, flags: [] }];
const small = messageNamed('small-0');

it('shares the open store with the next generation', async () => {
  const found: MailboxStore[] = [];
  const plugins = () => [storeLmdb({ directory }), probe(found)];
  await using mta = await startTestMta({ plugins: plugins() });
  const [before] = found as [MailboxStore];
  const notices: unknown[] = [];
  before.watch('alice', (notice) => notices.push(notice));
  await before.file(small, inbox);
  await mta.mta.reload({ hostname: 'mx.test', plugins: [...mta.engines, ...plugins()], listeners: [] });
  const after = found[1] as MailboxStore;
  notices.length = 0;
  await after.file(small, inbox);
  expect(notices).toHaveLength(1);
  expect((await after.mailboxByName('alice', 'INBOX'))?.messages).toBe(2);
});

it('empties Trash in time, and keeps what is younger', async () => {
  const found: MailboxStore[] = [];
  const clock = createVirtualClock();
  const plugins = [storeLmdb({ directory, trashDaysMax: 1 }), probe(found)];
  await using mta = await startTestMta({ plugins, clock });
  const [store] = found as [MailboxStore];
  const trash = [{ accountId: 'alice', mailbox: { name: 'Trash' }, flags: [] }];
  await store.file(small, trash);
  await clock.advance(13 * 3_600_000);
  await store.file(small, trash);
  const removed = mta.whenLogged('old messages removed from Trash and Junk');
  for (let hour = 0; hour < 12; hour++) await clock.advance(3_600_000);
  expect((await removed).fields).toMatchObject({ removed: 1 });
  expect((await store.mailboxByName('alice', 'Trash'))?.messages).toBe(1);
});

it('names the option that it does not know', async () => {
  const plugins = [storeLmdb({ directory, direktory: 'x' } as never)];
  await expect(startTestMta({ plugins })).rejects.toThrow(/store-lmdb.*direktory/s);
});
