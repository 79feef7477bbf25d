import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expireMessages } from './expire-messages.js';
import { openMailboxStore } from './mailbox-store-lmdb.js';
import { messageNamed, testOptions } from './test-kit.js';

it('removes what has lain too long in the mailboxes it is told of, and nothing else', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'postroad-expire-'));
  let nowMs = 0;
  const { store, engine } = openMailboxStore(testOptions(directory, { nowMs: () => nowMs }));
  for (let number = 0; number < 10; number++) {
    nowMs = number * 100;
    for (const name of ['INBOX', 'Trash', 'Junk']) {
      await store.file(messageNamed(`x-${number}`), [{ accountId: 'alice', mailbox: { name }, flags: [] }]);
    }
  }
  const inbox = (await store.mailboxByName('alice', 'INBOX'))?.id ?? '';
  const trash = (await store.mailboxByName('alice', 'Trash'))?.id ?? '';
  nowMs = 5_000;
  await store.move(inbox, [1], trash);
  nowMs = 10_000;
  const lifetimes = new Map([['Trash', 9_500]] as const);
  expect(await expireMessages(engine, store, lifetimes, new AbortController().signal)).toBe(5);
  expect((await store.entries(trash)).map((entry) => entry.uid)).toEqual([6, 7, 8, 9, 10, 11]);
  expect((await store.mailboxByName('alice', 'Junk'))?.messages).toBe(10);
  expect((await store.mailboxByName('alice', 'INBOX'))?.messages).toBe(9);
  await store.close();
  await rm(directory, { recursive: true });
});
