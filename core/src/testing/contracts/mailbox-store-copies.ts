/** The contract of copies and moves, quota and threads. */
import { describe, expect, it } from 'vitest';
import type { Filing } from '../../services/mailbox-store.js';
import {
  alice,
  bob,
  expectCode,
  fileMany,
  fileOne,
  mailboxNamed,
  messageOf,
  textOf,
} from './mailbox-store-kit.js';
import type { OpenMailboxStore } from './open-mailbox-store.js';

/** Tests of copies, moves, quota and threads. */
export function copyTests(use: () => OpenMailboxStore): void {
  describe('copies and moves', () => copies(use));
  describe('quota', () => quota(use));
  describe('threads', () => threads(use));
}

function copies(use: () => OpenMailboxStore): void {
  it('copies with flags, dates and the same message, pairwise', async () => {
    const { store } = use();
    const { mailboxId } = await fileMany(store, 'INBOX', 4);
    await store.changeFlags(mailboxId, [3], { mode: 'add', flags: ['\\Seen', 'x'] });
    const target = await store.createMailbox(alice, 'to');
    await fileOne(store, 'to');
    const copied = await store.copy(mailboxId, [3, 1, 99, 3], target.id);
    expect(copied).toEqual({
      uidValidity: target.uidValidity,
      pairs: [
        [1, 2],
        [3, 3],
      ],
    });
    const sources = await store.entries(mailboxId);
    const targets = await store.entries(target.id);
    for (const [from, to] of [
      [0, 1],
      [2, 2],
    ] as const) {
      const {
        uid: _,
        modSeq: __,
        savedAtMs: ___,
        ...same
      } = sources[from] as NonNullable<(typeof sources)[0]>;
      expect(targets[to]).toMatchObject(same);
    }
    expect(await mailboxNamed(store, 'to')).toMatchObject({ messages: 3, unseen: 2, uidNext: 4 });
    await store.expunge(mailboxId, [1, 2, 3, 4]);
    expect(await textOf(store, targets[1]?.messageId ?? '')).toContain('message 0');
  });

  it('moves in one step', async () => {
    const { store } = use();
    const { mailboxId } = await fileMany(store, 'INBOX', 3);
    const [source, target] = [await mailboxNamed(store, 'INBOX'), await mailboxNamed(store, 'Trash')];
    const before = await store.entries(mailboxId);
    const moved = await store.move(mailboxId, [2, 3, 7], target.id);
    expect(moved).toEqual({
      uidValidity: target.uidValidity,
      pairs: [
        [2, 1],
        [3, 2],
      ],
    });
    expect((await store.entries(mailboxId)).map((entry) => entry.uid)).toEqual([1]);
    expect((await store.entries(target.id)).map((entry) => entry.messageId)).toEqual(
      before.slice(1).map((entry) => entry.messageId),
    );
    expect((await store.changes(mailboxId, source.highestModSeq)).vanished).toEqual([2, 3]);
    expect(await store.quota(alice)).toMatchObject({ messages: 3 });
    expect(await textOf(store, before[1]?.messageId ?? '')).toContain('message 1');
  });

  it('copies and moves inside one mailbox to new UIDs', async () => {
    const { store } = use();
    const { mailboxId } = await fileMany(store, 'INBOX', 2);
    expect((await store.copy(mailboxId, [1], mailboxId)).pairs).toEqual([[1, 3]]);
    expect((await store.move(mailboxId, [1, 2], mailboxId)).pairs).toEqual([
      [1, 4],
      [2, 5],
    ]);
    expect((await store.entries(mailboxId)).map((entry) => entry.uid)).toEqual([3, 4, 5]);
    expect(await mailboxNamed(store, 'INBOX')).toMatchObject({ messages: 3, unseen: 3, uidNext: 6 });
  });

  it('changes nothing when no UID is there', async () => {
    const { store } = use();
    const { mailboxId } = await fileMany(store, 'INBOX', 1);
    const before = await store.mailboxes(alice);
    const sent = await mailboxNamed(store, 'Sent');
    expect((await store.copy(mailboxId, [], sent.id)).pairs).toEqual([]);
    expect((await store.move(mailboxId, [5], sent.id)).pairs).toEqual([]);
    expect(await store.mailboxes(alice)).toEqual(before);
  });

  it('refuses to copy or move to another account', async () => {
    const { store } = use();
    const { mailboxId } = await fileMany(store, 'INBOX', 1);
    const target = await mailboxNamed(store, 'INBOX', bob);
    await expectCode(store.copy(mailboxId, [1], target.id), 'E_NOT_FOUND');
    await expectCode(store.move(mailboxId, [1], target.id), 'E_NOT_FOUND');
    expect(await store.entries(mailboxId)).toHaveLength(1);
  });
}

function quota(use: () => OpenMailboxStore): void {
  it('counts every filed message and lets none in beyond the limit', async () => {
    const { store } = use();
    const { mailboxId } = await fileMany(store, 'INBOX', 2);
    const { usedBytes } = await store.quota(alice);
    expect(usedBytes).toBe((await store.entries(mailboxId)).reduce((sum, entry) => sum + entry.sizeBytes, 0));
    const size = usedBytes / 2;
    await store.setQuota(alice, usedBytes + size);
    expect(await store.quota(alice)).toEqual({ usedBytes, limitBytes: usedBytes + size, messages: 2 });
    const to = (accountId: string): Filing => ({ accountId, mailbox: { name: 'INBOX' }, flags: [] });
    const filed = await store.file(messageOf('message 2'), [to(alice), to(alice), to(bob)]);
    expect(filed.map((one) => one.status)).toEqual(['filed', 'quota', 'filed']);
    expect((await store.entries(mailboxId)).map((entry) => entry.uid)).toEqual([1, 2, 3]);
    await expectCode(store.copy(mailboxId, [1], mailboxId), 'E_QUOTA');
    expect(await store.entries(mailboxId)).toHaveLength(3);
    await store.move(mailboxId, [1], (await mailboxNamed(store, 'Trash')).id);
    await store.expunge(mailboxId, [2]);
    expect(await store.copy(mailboxId, [3], mailboxId)).toMatchObject({ pairs: [[3, 4]] });
    await store.setQuota(alice, undefined);
    expect(await store.quota(alice)).not.toHaveProperty('limitBytes');
    await fileOne(store, 'INBOX');
  });

  it('makes no mailbox for a message that has no room', async () => {
    const { store } = use();
    await store.setQuota(alice, 10);
    const [filed] = await store.file(messageOf('x'), [
      { accountId: alice, mailbox: { name: 'new' }, flags: [] },
    ]);
    expect(filed).toEqual({ status: 'quota' });
    expect(await store.mailboxByName(alice, 'new')).toBeUndefined();
  });
}

function threads(use: () => OpenMailboxStore): void {
  it('puts replies into the thread of what they answer, account by account', async () => {
    const { store } = use();
    const headers = [
      'Message-ID: <1@x>\r\n',
      'Message-ID: <2@x>\r\nIn-Reply-To: <1@x>\r\n',
      'Message-ID: <9@x>\r\n',
      'Message-ID: <3@x>\r\nReferences: <1@x>\r\n <2@x>\r\n',
      '',
    ];
    for (const header of headers) await fileOne(store, 'INBOX', { message: messageOf('same', header) });
    const { id } = await mailboxNamed(store, 'INBOX');
    const [one, two, other, three, none] = (await store.entries(id)).map((entry) => entry.threadId);
    expect(two).toBe(one);
    expect(three).toBe(one);
    expect(new Set([one, other, none]).size).toBe(3);
    await fileOne(store, 'INBOX', { account: bob, message: messageOf('same', headers[1]) });
    const bobs = await store.entries((await mailboxNamed(store, 'INBOX', bob)).id);
    expect(bobs[0]?.threadId).not.toBe(one);
  });

  it('joins a message to replies that came before it', async () => {
    const { store } = use();
    for (const header of ['Message-ID: <2@x>\r\nReferences: <1@x>\r\n', 'Message-ID: <1@x>\r\n']) {
      await fileOne(store, 'INBOX', { message: messageOf('x', header) });
    }
    const { id } = await mailboxNamed(store, 'INBOX');
    const [reply, original] = await store.entries(id);
    expect(original?.threadId).toBe(reply?.threadId);
    await store.move(id, [1], (await mailboxNamed(store, 'Archive')).id);
    const [moved] = await store.entries((await mailboxNamed(store, 'Archive')).id);
    expect(moved?.threadId).toBe(reply?.threadId);
  });
}
