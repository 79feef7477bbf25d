/** The contract of mailboxes themselves: names, making, renaming, removing, subscribing. */
import { describe, expect, it } from 'vitest';
import { alice, bob, expectCode, fileMany, fileOne, mailboxNamed, noticesOf } from './mailbox-store-kit.js';
import type { OpenMailboxStore } from './open-mailbox-store.js';

/** Tests of mailboxes. */
export function mailboxTests(use: () => OpenMailboxStore): void {
  describe('mailboxes', () => {
    listing(use);
    making(use);
    renaming(use);
    removing(use);
  });
}

function listing(use: () => OpenMailboxStore): void {
  it('makes the usual mailboxes on first use, INBOX first', async () => {
    const mailboxes = await use().store.mailboxes(alice);
    expect(mailboxes.map(({ name, specialUse }) => [name, specialUse])).toEqual([
      ['INBOX', undefined],
      ['Archive', 'Archive'],
      ['Drafts', 'Drafts'],
      ['Junk', 'Junk'],
      ['Sent', 'Sent'],
      ['Trash', 'Trash'],
    ]);
    for (const mailbox of mailboxes) {
      expect(mailbox).toMatchObject({
        accountId: alice,
        uidNext: 1,
        messages: 0,
        unseen: 0,
        sizeBytes: 0,
        isSubscribed: true,
      });
      expect(mailbox.highestModSeq).toBeGreaterThanOrEqual(1);
      expect(mailbox.uidValidity).toBeGreaterThanOrEqual(1);
      expect(mailbox.uidValidity).toBeLessThan(2 ** 32);
      expect(await use().store.mailbox(mailbox.id)).toEqual(mailbox);
    }
    expect(new Set(mailboxes.map((mailbox) => mailbox.id)).size).toBe(6);
  });

  it('makes them also when the first use is another one', async () => {
    expect((await use().store.mailboxByName(alice, 'inbox'))?.name).toBe('INBOX');
    await fileOne(use().store, 'INBOX', { account: bob });
    expect(await use().store.mailboxes(bob)).toHaveLength(6);
  });

  it('keeps accounts apart', async () => {
    await use().store.createMailbox(alice, 'Mine');
    expect(await use().store.mailboxByName(bob, 'Mine')).toBeUndefined();
    expect((await mailboxNamed(use().store, 'INBOX', bob)).id).not.toBe(
      (await mailboxNamed(use().store, 'INBOX')).id,
    );
  });

  it('lists by name with children behind their parents', async () => {
    const { store } = use();
    for (const name of ['b', 'a/c', 'a b', 'INBOX/x', 'A']) await store.createMailbox(alice, name);
    const names = (await store.mailboxes(alice)).map((mailbox) => mailbox.name);
    expect(names.slice(0, 2)).toEqual(['INBOX', 'INBOX/x']);
    expect(names.slice(names.indexOf('a'))).toEqual(['a', 'a/c', 'a b', 'b']);
  });

  it('finds nothing for unknown ids and impossible names', async () => {
    const { store } = use();
    for (const id of ['', 'nope', '../x', '__proto__', 'F999999'])
      expect(await store.mailbox(id)).toBeUndefined();
    for (const name of ['', 'nope', 'a//b', '\0'])
      expect(await store.mailboxByName(alice, name)).toBeUndefined();
  });
}

function making(use: () => OpenMailboxStore): void {
  it('makes a mailbox and its missing parents', async () => {
    const { store } = use();
    const made = await store.createMailbox(alice, 'x/y/z', { specialUse: 'Flagged' });
    expect(made).toMatchObject({ name: 'x/y/z', specialUse: 'Flagged', uidNext: 1, messages: 0 });
    expect(await store.mailboxByName(alice, 'x/y')).toMatchObject({ messages: 0 });
    expect((await mailboxNamed(store, 'x')).specialUse).toBeUndefined();
  });

  it('refuses a name that is there already', async () => {
    const { store } = use();
    await store.createMailbox(alice, 'x/y');
    for (const name of ['x', 'x/y', 'INBOX', 'inbox', 'iNbOx'])
      await expectCode(store.createMailbox(alice, name), 'E_MAILBOX_EXISTS');
  });

  it('normalises names to NFC and INBOX to capitals', async () => {
    const { store } = use();
    const made = await store.createMailbox(alice, 'Gru\u0308n');
    expect(made.name).toBe('Gr\u00fcn');
    await expectCode(store.createMailbox(alice, 'Gr\u00fcn'), 'E_MAILBOX_EXISTS');
    expect((await store.mailboxByName(alice, 'Gru\u0308n'))?.id).toBe(made.id);
    expect((await store.createMailbox(alice, 'inbox/x')).name).toBe('INBOX/x');
    expect((await store.createMailbox(alice, 'x/inbox')).name).toBe('x/inbox');
  });

  it.each([
    ['empty', ''],
    ['an empty level', 'a//b'],
    ['a leading separator', '/a'],
    ['a trailing separator', 'a/'],
    ['a level of one dot', 'a/./b'],
    ['a level of two dots', '../a'],
    ['a NUL', 'a\0b'],
    ['a line break', 'a\r\nb'],
    ['a DEL', 'a\x7f'],
    ['a C1 control', 'a\x85'],
    ['half a surrogate pair', 'a\ud800'],
    ['a level of 300 octets', 'x'.repeat(300)],
    ['a name of 2,000 octets', 'xxxxxxxxx/'.repeat(200).slice(0, -1)],
    ['a name with 600 levels', 'x/'.repeat(600).slice(0, -1)],
  ])('refuses %s as a name', async (_what, name) => {
    const { store } = use();
    await expectCode(store.createMailbox(alice, name), 'E_MAILBOX_NAME');
    const sent = await mailboxNamed(store, 'Sent');
    await expectCode(store.renameMailbox(sent.id, name), 'E_MAILBOX_NAME');
    await expectCode(fileOne(store, name), 'E_MAILBOX_NAME');
    expect(await store.mailboxes(alice)).toHaveLength(6);
  });

  it.each([
    '...',
    'a.b',
    '\u{1f4ec}',
    '&',
    '%*',
    '~',
    '"quoted"',
    'a\\b',
    '日本語',
    '__proto__',
    'constructor',
  ])('takes %s as a name', async (name) => {
    const { store } = use();
    const made = await store.createMailbox(alice, name);
    expect(made.name).toBe(name);
    expect(await store.mailboxByName(alice, name)).toEqual(made);
    const { uid } = await fileOne(store, name);
    expect(await store.entries(made.id)).toMatchObject([{ uid }]);
  });

  it('subscribes and unsubscribes', async () => {
    const { store } = use();
    const made = await store.createMailbox(alice, 'x');
    const notices = noticesOf(store);
    for (const isSubscribed of [true, false, true]) {
      await store.setSubscribed(made.id, isSubscribed);
      expect((await store.mailbox(made.id))?.isSubscribed).toBe(isSubscribed);
    }
    expect(notices.list).toEqual([{ accountId: alice }, { accountId: alice }, { accountId: alice }]);
    await expectCode(store.setSubscribed('nope', true), 'E_NOT_FOUND');
  });
}

function renaming(use: () => OpenMailboxStore): void {
  it('renames a mailbox with all below it and keeps what it is', async () => {
    const { store } = use();
    const child = await store.createMailbox(alice, 'a/b/c');
    await store.createMailbox(alice, 'ab');
    const { uid } = await fileOne(store, 'a/b', { flags: ['\\Seen'] });
    const before = await mailboxNamed(store, 'a/b');
    const renamed = await store.renameMailbox(before.id, 'n/m');
    expect(renamed).toEqual({ ...before, name: 'n/m' });
    expect(await store.entries(before.id)).toMatchObject([{ uid, flags: ['\\Seen'] }]);
    expect((await store.mailbox(child.id))?.name).toBe('n/m/c');
    expect(await store.mailboxByName(alice, 'a/b')).toBeUndefined();
    const names = (await store.mailboxes(alice)).map((mailbox) => mailbox.name);
    expect(names).toEqual(expect.arrayContaining(['a', 'ab', 'n', 'n/m', 'n/m/c']));
  });

  it('can change the case of a name or move a mailbox up', async () => {
    const { store } = use();
    const made = await store.createMailbox(alice, 'a/b');
    expect((await store.renameMailbox(made.id, 'a/B')).name).toBe('a/B');
    expect((await store.renameMailbox(made.id, 'B')).name).toBe('B');
  });

  it('refuses to rename onto another mailbox, below itself, or what is gone', async () => {
    const { store } = use();
    const made = await store.createMailbox(alice, 'a/b');
    const parent = await mailboxNamed(store, 'a');
    await expectCode(store.renameMailbox(made.id, 'Sent'), 'E_MAILBOX_EXISTS');
    await expectCode(store.renameMailbox(made.id, 'inbox'), 'E_MAILBOX_EXISTS');
    await expectCode(store.renameMailbox(parent.id, 'a'), 'E_MAILBOX_EXISTS');
    await expectCode(store.renameMailbox(parent.id, 'a/x'), 'E_MAILBOX_NAME');
    await expectCode(store.renameMailbox('nope', 'x'), 'E_NOT_FOUND');
    await store.createMailbox(alice, 't/b');
    const t = await mailboxNamed(store, 't');
    await store.deleteMailbox(t.id);
    await expectCode(store.renameMailbox(parent.id, 't'), 'E_MAILBOX_EXISTS');
    expect((await store.mailbox(made.id))?.name).toBe('a/b');
  });

  it('moves the messages when INBOX is renamed', async () => {
    const { store } = use();
    const { mailboxId } = await fileMany(store, 'INBOX', 3);
    const below = await store.createMailbox(alice, 'INBOX/x');
    const before = await mailboxNamed(store, 'INBOX');
    const messages = (await store.entries(mailboxId)).map((entry) => entry.messageId);
    const renamed = await store.renameMailbox(mailboxId, 'old');
    expect(renamed).toMatchObject({ name: 'old', messages: 3, sizeBytes: before.sizeBytes, unseen: 3 });
    expect((await store.entries(renamed.id)).map((entry) => entry.messageId)).toEqual(messages);
    const after = await mailboxNamed(store, 'INBOX');
    expect(after).toMatchObject({ id: mailboxId, messages: 0, uidNext: 4, uidValidity: before.uidValidity });
    expect((await store.changes(mailboxId, before.highestModSeq)).vanished).toEqual([1, 2, 3]);
    expect((await store.mailbox(below.id))?.name).toBe('INBOX/x');
  });
}

function removing(use: () => OpenMailboxStore): void {
  it('removes a mailbox and its messages, not those below it', async () => {
    const { store } = use();
    await store.createMailbox(alice, 'a/b');
    const { mailboxId } = await fileMany(store, 'a', 2);
    const [entry] = await store.entries(mailboxId);
    const notices = noticesOf(store);
    await store.deleteMailbox(mailboxId);
    expect(notices.list).toContainEqual({ accountId: alice });
    expect(await store.mailboxByName(alice, 'a')).toBeUndefined();
    expect(await store.mailboxByName(alice, 'a/b')).toBeDefined();
    expect(await store.messages([entry?.messageId ?? ''])).toEqual([undefined]);
    expect(await store.open(entry?.messageId ?? '')).toBeUndefined();
    expect(await store.quota(alice)).toMatchObject({ usedBytes: 0, messages: 0 });
  });

  it('says of a removed mailbox that it is not there', async () => {
    const { store } = use();
    const { id } = await store.createMailbox(alice, 'a');
    const inbox = await mailboxNamed(store, 'INBOX');
    await store.deleteMailbox(id);
    expect(await store.mailbox(id)).toBeUndefined();
    await expectCode(store.deleteMailbox(id), 'E_NOT_FOUND');
    await expectCode(store.entries(id), 'E_NOT_FOUND');
    await expectCode(store.changes(id, 1), 'E_NOT_FOUND');
    await expectCode(store.changeFlags(id, [1], { mode: 'add', flags: ['x'] }), 'E_NOT_FOUND');
    await expectCode(store.expunge(id, [1]), 'E_NOT_FOUND');
    await expectCode(store.copy(id, [1], inbox.id), 'E_NOT_FOUND');
    await expectCode(store.copy(inbox.id, [1], id), 'E_NOT_FOUND');
    await expectCode(store.move(inbox.id, [1], id), 'E_NOT_FOUND');
    await expectCode(store.setSubscribed(id, true), 'E_NOT_FOUND');
  });

  it('refuses to remove INBOX', async () => {
    const { store } = use();
    await expectCode(store.deleteMailbox((await mailboxNamed(store, 'INBOX')).id), 'E_MAILBOX_NAME');
    expect(await store.mailboxByName(alice, 'INBOX')).toBeDefined();
  });

  it('does not make the usual mailboxes again once they are removed', async () => {
    const { store } = use();
    await store.deleteMailbox((await mailboxNamed(store, 'Junk')).id);
    expect(await store.mailboxes(alice)).toHaveLength(5);
  });

  it('gives a mailbox made anew another id and UIDVALIDITY', async () => {
    const { store } = use();
    const first = await store.createMailbox(alice, 'a');
    await store.deleteMailbox(first.id);
    const second = await store.createMailbox(alice, 'a');
    expect(second.uidValidity).toBeGreaterThan(first.uidValidity);
    expect(second.id).not.toBe(first.id);
    const third = await store.createMailbox(alice, 'b');
    await store.deleteMailbox(second.id);
    const renamed = await store.renameMailbox(third.id, 'a');
    expect([first.uidValidity, second.uidValidity]).not.toContain(renamed.uidValidity);
  });
}
