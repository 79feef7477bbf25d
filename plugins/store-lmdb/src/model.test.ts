/** The store against the one in memory: the same operations give the same answers, also across reopening. */
import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createStoreMemory, isMailError, type MailboxStore } from '@postroad/core';
import { expect, it } from 'vitest';
import { openMailboxStore } from './mailbox-store-lmdb.js';
import { messageNamed, seededNumbers, testOptions } from './test-kit.js';

const accounts = ['alice', 'bob'];
const names = ['INBOX', 'a', 'a/b', 'a/b/c', 'Trash', 'd'];
const flags = ['\\Seen', '\\Deleted', 'Work', 'work', 'x'];

/** One operation on a store: the same for the same numbers. Ids are never used, for they differ. */
async function step(store: MailboxStore, numbers: readonly number[]): Promise<unknown> {
  const pick = <T>(list: readonly T[], at: number) =>
    list[Math.floor((numbers[at] as number) * list.length)] as T;
  const account = pick(accounts, 0);
  const mailbox = await store.mailboxByName(account, pick(names, 1));
  const other = await store.mailboxByName(account, pick(names, 2));
  const id = mailbox?.id ?? 'F999';
  const uids = mailbox === undefined ? [] : (await store.entries(id)).map((entry) => entry.uid);
  const some = uids.filter((uid) => (uid * 7 + Math.floor((numbers[3] as number) * 10)) % 3 === 0);
  const chosen = [pick(flags, 4), pick(flags, 5)];
  switch (Math.floor((numbers[6] as number) * 14)) {
    case 0:
      return (await store.createMailbox(account, pick(names, 2))).name;
    case 1:
      return (await store.renameMailbox(id, `${pick(names, 2)}${(numbers[7] as number) > 0.5 ? '2' : ''}`))
        .name;
    case 2:
      return store.deleteMailbox(id);
    case 3:
      return store.setSubscribed(id, (numbers[7] as number) > 0.5);
    case 4:
      return store.setQuota(account, (numbers[7] as number) > 0.3 ? undefined : 40_000);
    case 5:
      return (await store.copy(id, some, other?.id ?? 'F999')).pairs;
    case 6:
      return (await store.move(id, some, other?.id ?? 'F999')).pairs;
    case 7:
      return (await store.expunge(id, some)).uids;
    case 8:
    case 9: {
      const mode = pick(['add', 'remove', 'replace'] as const, 7);
      const changed = await store.changeFlags(id, some, { mode, flags: chosen });
      return changed.entries.map((entry) => [entry.uid, entry.flags]);
    }
    default: {
      const message = messageNamed(`m-${Math.floor((numbers[7] as number) * 12)}`);
      const filing = { accountId: account, mailbox: { name: pick(names, 1) }, flags: chosen };
      const filed = await store.file(message, [filing, { ...filing, accountId: pick(accounts, 3) }]);
      return filed.map((one) => (one.status === 'filed' ? one.uid : one.status));
    }
  }
}

async function outcome(store: MailboxStore, numbers: readonly number[]): Promise<unknown> {
  try {
    return await step(store, numbers);
  } catch (error) {
    if (isMailError(error)) return error.code;
    throw error;
  }
}

/** Everything that can be seen of a store, without ids and without validities. */
async function view(store: MailboxStore): Promise<unknown> {
  const seen: unknown[] = [];
  const messages = new Map<string, number>();
  for (const account of accounts) {
    seen.push(await store.quota(account));
    for (const { id, uidValidity: _, ...mailbox } of await store.mailboxes(account)) {
      const entries = await store.entries(id);
      const stored = await store.messages(entries.map((entry) => entry.messageId));
      const changes = await store.changes(id, Math.floor(mailbox.highestModSeq / 2));
      seen.push(
        mailbox,
        changes.vanished,
        changes.changed.map((entry) => entry.uid),
      );
      for (const [at, { messageId, threadId: _thread, ...entry }] of entries.entries()) {
        if (!messages.has(messageId)) messages.set(messageId, messages.size);
        seen.push([messages.get(messageId), entry, stored[at]?.envelope, stored[at]?.structure]);
      }
    }
  }
  return seen;
}

it('does what the store in memory does', async () => {
  const seed = Number(process.env.POSTROAD_SEED ?? randomInt(100_000));
  console.log(`seed ${seed}`);
  const random = seededNumbers(seed);
  const directory = await mkdtemp(join(tmpdir(), 'postroad-store-'));
  const options = testOptions(directory, { cachedEntriesMax: 60, cachedMessagesMax: 5 });
  const memory = createStoreMemory({ nowMs: options.nowMs });
  let { store } = openMailboxStore(options);
  for (let round = 0; round < 400; round++) {
    const numbers = Array.from({ length: 8 }, random);
    const answers = [await outcome(memory, numbers), await outcome(store, numbers)];
    expect(answers[1], `seed ${seed}, step ${round}`).toEqual(answers[0]);
    if (round % 20 === 0)
      expect(await view(store), `seed ${seed}, step ${round}`).toEqual(await view(memory));
    if (round % 100 !== 99) continue;
    await store.close();
    ({ store } = openMailboxStore(options));
  }
  expect(await view(store)).toEqual(await view(memory));
  await store.close();
  await rm(directory, { recursive: true });
}, 300_000);
