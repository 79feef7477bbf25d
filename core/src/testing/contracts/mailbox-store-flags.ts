/** The contract of flags and of removing messages. */
import { describe, expect, it } from 'vitest';
import { alice, fileMany, fileOne, mailboxNamed, noticesOf } from './mailbox-store-kit.js';
import type { OpenMailboxStore } from './open-mailbox-store.js';

/** Tests of flags. */
export function flagTests(use: () => OpenMailboxStore): void {
  describe('flags', () => {
    changing(use);
    conditions(use);
  });
  describe('removing messages', () => removing(use));
}

function changing(use: () => OpenMailboxStore): void {
  it('adds, removes and replaces', async () => {
    const { store } = use();
    const { mailboxId } = await fileMany(store, 'INBOX', 3);
    const flags = async () => (await store.entries(mailboxId)).map((entry) => entry.flags);
    await store.changeFlags(mailboxId, [1, 2], { mode: 'add', flags: ['\\Seen', 'Work'] });
    expect(await flags()).toEqual([['Work', '\\Seen'], ['Work', '\\Seen'], []]);
    await store.changeFlags(mailboxId, [2, 3], { mode: 'remove', flags: ['\\Seen'] });
    expect(await flags()).toEqual([['Work', '\\Seen'], ['Work'], []]);
    await store.changeFlags(mailboxId, [1, 3], { mode: 'replace', flags: ['\\Deleted'] });
    expect(await flags()).toEqual([['\\Deleted'], ['Work'], ['\\Deleted']]);
    expect(await mailboxNamed(store, 'INBOX')).toMatchObject({ unseen: 3 });
    await store.changeFlags(mailboxId, [1, 3], { mode: 'replace', flags: [] });
    expect(await flags()).toEqual([[], ['Work'], []]);
  });

  it('bounds keywords, and never loses a system flag to them', async () => {
    const { store } = use();
    const keywords = (letter: string) => Array.from({ length: 150 }, (_, at) => `${letter}${at}`);
    const { mailboxId } = await fileOne(store, 'INBOX', { flags: [...keywords('B'), '\\Seen'] });
    await store.changeFlags(mailboxId, [1], { mode: 'add', flags: keywords('A') });
    await store.changeFlags(mailboxId, [1], { mode: 'add', flags: ['more', '\\Deleted'] });
    const flags = (await store.entries(mailboxId))[0]?.flags ?? [];
    expect(flags).toHaveLength(202);
    expect(flags).toEqual(expect.arrayContaining(['\\Deleted', '\\Seen', ...keywords('B')]));
  });

  it('remembers which messages no session has claimed as recent', async (context) => {
    const { store } = use();
    const { mailboxId: id } = await fileMany(store, 'INBOX', 3);
    if (store.firstRecent === undefined) return context.skip();
    const first = await store.firstRecent(id);
    const { highestModSeq } = await mailboxNamed(store, 'INBOX');
    expect([first, await store.firstRecent?.(id, 2), await store.firstRecent?.(id, 1)]).toEqual([1, 1, 3]);
    const claims = await Promise.all([3, 3].map((uid) => store.firstRecent?.(id, uid)));
    expect(claims.sort()).toEqual([3, 4]);
    expect(await mailboxNamed(store, 'INBOX')).toMatchObject({ highestModSeq });
    await fileOne(store, 'INBOX', { flags: ['\\Seen'] });
    await store.changeFlags(id, [4], { mode: 'add', flags: ['\\Flagged'] });
    expect([await store.firstRecent(id, 9), await store.firstRecent(id)]).toEqual([4, 5]);
    await expect(store.firstRecent?.('nope', 1)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  });

  it('has one spelling for each flag, sorts them, and knows no \\Recent', async () => {
    const { store } = use();
    const given = ['zebra', '\\SEEN', '\\seen', '\\recent', '\\draft', 'Work', 'WORK', '$Forwarded'];
    const { mailboxId } = await fileOne(store, 'INBOX', { flags: given });
    const canonical = ['$Forwarded', 'Work', '\\Draft', '\\Seen', 'zebra'];
    expect((await store.entries(mailboxId))[0]?.flags).toEqual(canonical);
    await store.changeFlags(mailboxId, [1], { mode: 'add', flags: ['work', 'ZEBRA', '\\RECENT'] });
    expect((await store.entries(mailboxId))[0]?.flags).toEqual(canonical);
    await store.changeFlags(mailboxId, [1], { mode: 'remove', flags: ['wORK', '\\DRAFT'] });
    expect((await store.entries(mailboxId))[0]?.flags).toEqual(['$Forwarded', '\\Seen', 'zebra']);
    await store.changeFlags(mailboxId, [1], { mode: 'add', flags: ['work'] });
    expect((await store.entries(mailboxId))[0]?.flags, 'as first given').toContain('Work');
  });

  it('keeps unusual keywords apart', async () => {
    const { store } = use();
    const flags = ['$a', 'a,b', 'ä', 'constructor', 'x'.repeat(100)];
    const { mailboxId } = await fileOne(store, 'INBOX', { flags: [...flags, 'a b', 'a\nb', ''] });
    expect((await store.entries(mailboxId))[0]?.flags).toEqual([...flags].sort());
  });

  it('tells what really changed, with one step of the mod-sequence', async () => {
    const { store } = use();
    const { mailboxId } = await fileMany(store, 'INBOX', 3);
    await store.changeFlags(mailboxId, [2], { mode: 'add', flags: ['\\Seen'] });
    const before = await mailboxNamed(store, 'INBOX');
    const notices = noticesOf(store);
    const changed = await store.changeFlags(mailboxId, [3, 1, 2, 44, 3], { mode: 'add', flags: ['\\seen'] });
    expect(changed.entries.map((entry) => entry.uid)).toEqual([1, 3]);
    expect(changed.refused).toEqual([]);
    expect(changed.highestModSeq).toBeGreaterThan(before.highestModSeq);
    expect(changed.entries[0]).toEqual((await store.entries(mailboxId))[0]);
    expect(changed.entries.every((entry) => entry.modSeq > before.highestModSeq)).toBe(true);
    expect((await mailboxNamed(store, 'INBOX')).highestModSeq).toBe(changed.highestModSeq);
    expect(notices.list).toEqual([{ accountId: alice, mailboxId }]);
  });

  it('is silent when nothing changes', async () => {
    const { store } = use();
    const { mailboxId } = await fileMany(store, 'INBOX', 1);
    const before = await mailboxNamed(store, 'INBOX');
    const notices = noticesOf(store);
    for (const uids of [[], [1], [77]]) {
      const changed = await store.changeFlags(mailboxId, uids, { mode: 'remove', flags: ['\\Seen'] });
      expect(changed).toEqual({ entries: [], refused: [], highestModSeq: before.highestModSeq });
    }
    expect(await mailboxNamed(store, 'INBOX')).toEqual(before);
    expect(notices.list).toEqual([]);
  });
}

function conditions(use: () => OpenMailboxStore): void {
  it('leaves alone what changed since', async () => {
    const { store } = use();
    const { mailboxId } = await fileMany(store, 'INBOX', 3);
    const { highestModSeq: since } = await mailboxNamed(store, 'INBOX');
    await store.changeFlags(mailboxId, [2], { mode: 'add', flags: ['x'] });
    const changed = await store.changeFlags(mailboxId, [1, 2, 3], {
      mode: 'add',
      flags: ['\\Seen'],
      unchangedSince: since,
    });
    expect(changed.entries.map((entry) => entry.uid)).toEqual([1, 3]);
    expect(changed.refused).toEqual([2]);
    const none = await store.changeFlags(mailboxId, [1, 2, 3], {
      mode: 'add',
      flags: ['y'],
      unchangedSince: 0,
    });
    expect(none).toMatchObject({ entries: [], refused: [1, 2, 3] });
  });

  it('lets only one of two conditional changes through', async () => {
    const { store } = use();
    const { mailboxId } = await fileMany(store, 'INBOX', 1);
    const { highestModSeq: unchangedSince } = await mailboxNamed(store, 'INBOX');
    const answers = await Promise.all(
      ['a', 'b', 'c'].map((flag) =>
        store.changeFlags(mailboxId, [1], { mode: 'add', flags: [flag], unchangedSince }),
      ),
    );
    expect(answers.filter((answer) => answer.entries.length === 1)).toHaveLength(1);
    expect(answers.filter((answer) => answer.refused.length === 1)).toHaveLength(2);
    expect((await store.entries(mailboxId))[0]?.flags).toHaveLength(1);
  });

  it('loses no flag to a change made at the same moment', async () => {
    const { store } = use();
    const { mailboxId } = await fileMany(store, 'INBOX', 2);
    const flags = Array.from({ length: 20 }, (_, number) => `k${number}`);
    await Promise.all(
      flags.map((flag) => store.changeFlags(mailboxId, [1, 2], { mode: 'add', flags: [flag] })),
    );
    for (const entry of await store.entries(mailboxId)) expect(entry.flags).toEqual([...flags].sort());
  });
}

function removing(use: () => OpenMailboxStore): void {
  it('removes whatever their flags, and tells which were there', async () => {
    const { store } = use();
    const { mailboxId } = await fileMany(store, 'INBOX', 4);
    const { highestModSeq } = await mailboxNamed(store, 'INBOX');
    const entries = await store.entries(mailboxId);
    const notices = noticesOf(store);
    const removed = await store.expunge(mailboxId, [4, 2, 2, 99]);
    expect(removed.uids).toEqual([2, 4]);
    expect(removed.highestModSeq).toBeGreaterThan(highestModSeq);
    expect(notices.list).toEqual([{ accountId: alice, mailboxId }]);
    expect((await store.entries(mailboxId)).map((entry) => entry.uid)).toEqual([1, 3]);
    expect(await store.messages([entries[1]?.messageId ?? ''])).toEqual([undefined]);
    expect(await store.open(entries[1]?.messageId ?? '')).toBeUndefined();
    const inbox = await mailboxNamed(store, 'INBOX');
    expect(inbox).toMatchObject({ messages: 2, unseen: 2, uidNext: 5, highestModSeq: removed.highestModSeq });
    expect(await store.quota(alice)).toMatchObject({ messages: 2, usedBytes: inbox.sizeBytes });
  });

  it('is silent when none was there', async () => {
    const { store } = use();
    const { mailboxId } = await fileMany(store, 'INBOX', 1);
    const { highestModSeq } = await mailboxNamed(store, 'INBOX');
    const notices = noticesOf(store);
    expect(await store.expunge(mailboxId, [7])).toEqual({ uids: [], highestModSeq });
    expect(notices.list).toEqual([]);
  });
}
