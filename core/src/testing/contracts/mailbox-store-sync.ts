/** The contract of the change log, of notices, and of what lasts. */
import { describe, expect, it } from 'vitest';
import type { MailboxStore } from '../../services/mailbox-store.js';
import {
  alice,
  bob,
  fileMany,
  fileOne,
  mailboxNamed,
  messageOf,
  noticesOf,
  textOf,
} from './mailbox-store-kit.js';
import type { OpenMailboxStore } from './open-mailbox-store.js';

/** Tests of synchronisation. */
export function syncTests(use: () => OpenMailboxStore): void {
  describe('changes', () => changes(use));
  describe('notices', () => notices(use));
  describe('reopening', () => reopening(use));
}

function changes(use: () => OpenMailboxStore): void {
  it('tells what is new, changed and gone since a mod-sequence', async () => {
    const { store } = use();
    const { mailboxId } = await fileMany(store, 'INBOX', 5);
    const { highestModSeq: since } = await mailboxNamed(store, 'INBOX');
    await store.changeFlags(mailboxId, [2], { mode: 'add', flags: ['\\Seen'] });
    await store.expunge(mailboxId, [5, 3]);
    await store.changeFlags(mailboxId, [4, 1], { mode: 'add', flags: ['x'] });
    await store.expunge(mailboxId, [1]);
    await fileOne(store, 'INBOX');
    const found = await store.changes(mailboxId, since);
    const now = await mailboxNamed(store, 'INBOX');
    expect(found.changed.map((entry) => entry.uid)).toEqual([2, 4, 6]);
    expect(found.changed).toEqual((await store.entries(mailboxId)).filter((entry) => entry.modSeq > since));
    expect(found).toMatchObject({
      vanished: [1, 3, 5],
      isComplete: true,
      uidNext: 7,
      highestModSeq: now.highestModSeq,
    });
    expect(await store.changes(mailboxId, now.highestModSeq)).toMatchObject({
      changed: [],
      vanished: [],
      isComplete: true,
    });
    expect(await store.changes(mailboxId, now.highestModSeq + 10)).toMatchObject({
      changed: [],
      vanished: [],
    });
    const all = await store.changes(mailboxId, 0);
    expect(all.changed).toEqual(await store.entries(mailboxId));
  });

  it('adds up to the mailbox when followed step by step', async () => {
    const { store } = use();
    const { id } = await mailboxNamed(store, 'INBOX');
    const view = new Map<number, readonly string[]>();
    let modSeq = (await mailboxNamed(store, 'INBOX')).highestModSeq;
    for (let step = 0; step < 40; step++) {
      await randomStep(store, id, step);
      if (step % 3 !== 0) continue;
      const found = await store.changes(id, modSeq);
      for (const uid of found.vanished) view.delete(uid);
      for (const entry of found.changed) view.set(entry.uid, entry.flags);
      modSeq = found.highestModSeq;
      const entries = await store.entries(id);
      expect([...view].sort(([a], [b]) => a - b)).toEqual(entries.map((entry) => [entry.uid, entry.flags]));
    }
  });

  it('says so when the log does not reach back', async () => {
    const { store } = use();
    const { mailboxId } = await fileMany(store, 'INBOX', 1);
    const { highestModSeq: since } = await mailboxNamed(store, 'INBOX');
    for (let round = 0; round < 10; round++) {
      const filed = await Promise.all(Array.from({ length: 60 }, () => fileOne(store, 'INBOX')));
      await store.expunge(
        mailboxId,
        filed.map((one) => one.uid),
      );
    }
    await fileOne(store, 'INBOX');
    const { highestModSeq: late } = await mailboxNamed(store, 'INBOX');
    await store.expunge(mailboxId, [602]);
    const found = await store.changes(mailboxId, since);
    expect(found).toMatchObject({ isComplete: false, vanished: [], uidNext: 603 });
    expect(found.changed.map((entry) => entry.uid)).toEqual([]);
    expect(await store.changes(mailboxId, late)).toMatchObject({ isComplete: true, vanished: [602] });
  });
}

/** A few kinds of change, always the same for the same step. */
async function randomStep(store: MailboxStore, id: string, step: number): Promise<void> {
  const uids = (await store.entries(id)).map((entry) => entry.uid).filter((uid) => (uid + step) % 3 === 0);
  if (step % 5 === 4) await store.expunge(id, uids);
  else if (step % 5 === 3) await store.changeFlags(id, uids, { mode: 'replace', flags: [`s${step}`] });
  else if (step % 7 === 6) await store.copy(id, uids, id);
  else if (step % 7 === 5) await store.move(id, uids, id);
  else await fileOne(store, 'INBOX');
}

function notices(use: () => OpenMailboxStore): void {
  it('come after each commit, to the account, until they are stopped', async () => {
    const { store } = use();
    const { id } = await mailboxNamed(store, 'INBOX');
    await mailboxNamed(store, 'INBOX', bob);
    const alices = noticesOf(store);
    const bobs = noticesOf(store, bob);
    await fileOne(store, 'INBOX');
    expect(alices.list).toEqual([{ accountId: alice, mailboxId: id }]);
    expect(bobs.list).toEqual([]);
    alices.list.length = 0;
    await store.createMailbox(alice, 'x');
    expect(alices.list).toEqual([{ accountId: alice }]);
    const target = await mailboxNamed(store, 'x');
    alices.list.length = 0;
    await store.copy(id, [1], target.id);
    expect(alices.list).toEqual([{ accountId: alice, mailboxId: target.id }]);
    alices.list.length = 0;
    await store.move(id, [1], target.id);
    expect(alices.list).toHaveLength(2);
    expect(alices.list).toEqual(
      expect.arrayContaining([
        { accountId: alice, mailboxId: id },
        { accountId: alice, mailboxId: target.id },
      ]),
    );
    alices.list.length = 0;
    alices.stop();
    alices.stop();
    await fileOne(store, 'INBOX');
    await store.renameMailbox(target.id, 'y');
    expect(alices.list).toEqual([]);
  });

  it('find the change already there', async () => {
    const { store } = use();
    const { id } = await mailboxNamed(store, 'INBOX');
    const seen: Promise<number>[] = [];
    const stop = store.watch(alice, ({ mailboxId }) => {
      if (mailboxId === id) seen.push(store.entries(id).then((entries) => entries.length));
    });
    await fileMany(store, 'INBOX', 3);
    stop();
    // A store that is asked over a network may see more by then, but never less.
    const counts = await Promise.all(seen);
    expect(counts).toHaveLength(3);
    expect(counts.filter((count, at) => count <= at || count > 3)).toEqual([]);
  });

  it('reach the others when one listener throws', async () => {
    const { store } = use();
    await mailboxNamed(store, 'INBOX');
    const stop = store.watch(alice, () => {
      throw new Error('a broken listener');
    });
    const others = noticesOf(store);
    await fileOne(store, 'INBOX');
    stop();
    expect(others.list).toHaveLength(1);
  });
}

function reopening(use: () => OpenMailboxStore): void {
  it('keeps everything', async ({ skip }) => {
    const opened = use();
    if (opened.reopen === undefined) return skip('this store forgets');
    const { store } = opened;
    const { mailboxId } = await fileMany(store, 'INBOX', 5);
    await store.changeFlags(mailboxId, [1, 2], { mode: 'add', flags: ['\\Seen', 'Work'] });
    await store.firstRecent?.(mailboxId, 3);
    await store.expunge(mailboxId, [3]);
    await store.createMailbox(alice, 'x/y', { specialUse: 'Important' });
    await store.setSubscribed((await mailboxNamed(store, 'Junk')).id, false);
    await store.setQuota(alice, 1_000_000);
    await fileOne(store, 'INBOX', { account: bob, message: messageOf('t', 'Message-ID: <1@x>\r\n') });
    const before = await snapshot(store, mailboxId);
    const again = await opened.reopen();
    expect(await snapshot(again, mailboxId)).toEqual(before);
    const message = messageOf('t', 'In-Reply-To: <1@x>\r\n');
    const { mailboxId: bobs } = await fileOne(again, 'INBOX', { account: bob, message });
    const entries = await again.entries(bobs);
    expect(entries[1]?.threadId).toBe(entries[0]?.threadId);
    expect((await fileOne(again, 'INBOX', { flags: ['WORK'] })).uid).toBe(6);
    expect((await again.entries(mailboxId)).at(-1)?.flags).toEqual(['Work']);
  });
}

async function snapshot(store: MailboxStore, mailboxId: string): Promise<unknown> {
  const entries = await store.entries(mailboxId);
  const ids = entries.map((entry) => entry.messageId);
  return {
    entries,
    firstRecent: await store.firstRecent?.(mailboxId),
    mailboxes: await store.mailboxes(alice),
    changes: await store.changes(mailboxId, 2),
    messages: await store.messages(ids),
    texts: await Promise.all(ids.map((id) => textOf(store, id))),
    quota: await store.quota(alice),
  };
}
