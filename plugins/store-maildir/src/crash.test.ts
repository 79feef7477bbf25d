import {
  appendFile,
  type FileHandle,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bodyFromBytes, type MailboxStore } from '@postroad/core';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openStoreMaildir } from './mailbox-store-maildir.js';
import { testOptions } from './test-kit.js';

let directory = '';
let store: MailboxStore;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postroad-maildir-'));
  store = await openStoreMaildir(testOptions(directory));
});
afterEach(async () => {
  await store.close();
  await rm(directory, { recursive: true });
});

async function file(name = 'INBOX', flags: readonly string[] = []): Promise<void> {
  const body = bodyFromBytes(Buffer.from('Subject: x\r\n\r\nbody\r\n'));
  await store.file({ prefix: '', body, internalDateMs: 0 }, [
    { accountId: 'alice', mailbox: { name }, flags },
  ]);
}

async function inbox() {
  const mailbox = await store.mailboxByName('alice', 'INBOX');
  return { mailbox, entries: await store.entries(mailbox?.id ?? '') };
}

/** Stops the store, does something to its files, and starts it again. */
async function between(change: (maildir: string) => Promise<void>): Promise<void> {
  await store.close();
  await change(join(directory, 'alice'));
  store = await openStoreMaildir(testOptions(directory));
}

test('a commit cut off in the middle is made up for by the files', async () => {
  await file();
  const before = await inbox();
  await file();
  await between(async (maildir) => {
    const path = join(maildir, 'postroad-index');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.slice(0, -20));
  });
  const { mailbox, entries } = await inbox();
  expect(entries.map(({ uid }) => uid)).toEqual([1, 2]);
  expect(entries[0]).toEqual(before.entries[0]);
  expect(mailbox?.uidValidity).toBe(before.mailbox?.uidValidity);
  await file();
  await between(async () => undefined);
  expect((await inbox()).entries.map(({ uid }) => uid)).toEqual([1, 2, 3]);
});

test.runIf(process.platform === 'linux')(
  'a message that is moved goes only when it lasts where it went',
  async () => {
    await file();
    const target = await store.createMailbox('alice', 'Work');
    const { mailbox } = await inbox();
    const handle = await open(directory);
    const prototype = Object.getPrototypeOf(handle) as FileHandle;
    await handle.close();
    const sync = vi.spyOn(prototype, 'sync').mockImplementation(async function (this: FileHandle) {
      const path = await readlink(`/proc/self/fd/${this.fd}`);
      if (/\.Work\/(?:new|cur)$/.test(path)) throw new Error('the disk is broken');
    });
    try {
      const moved = store.move(mailbox?.id ?? '', [1], target.id);
      await expect(moved).rejects.toMatchObject({ code: 'E_MAILBOX_STORE' });
    } finally {
      sync.mockRestore();
    }
    expect((await inbox()).entries).toHaveLength(1);
    expect(await store.entries(target.id)).toEqual([]);
    expect((await store.move(mailbox?.id ?? '', [1], target.id)).pairs).toHaveLength(1);
    expect((await inbox()).entries).toEqual([]);
  },
);

test('what happened to the files while nobody looked becomes changes', async () => {
  await file('INBOX', ['\\Seen']);
  await file();
  const since = (await inbox()).mailbox?.highestModSeq ?? 0;
  await between(async (maildir) => {
    const [name = ''] = await readdir(join(maildir, 'cur'));
    await rename(join(maildir, 'cur', name), join(maildir, 'cur', name.replace(/S$/, 'FS')));
    for (const fresh of await readdir(join(maildir, 'new'))) await rm(join(maildir, 'new', fresh));
  });
  const { mailbox } = await inbox();
  const changes = await store.changes(mailbox?.id ?? '', since);
  expect(changes).toMatchObject({ vanished: [2], isComplete: true });
  expect(changes.changed).toMatchObject([{ uid: 1, flags: ['\\Flagged', '\\Seen'] }]);
});

test('what was claimed stays claimed; where the claim was cut off messages are recent once more', async () => {
  await file();
  await file('INBOX', ['\\Seen']);
  const id = (await inbox()).mailbox?.id ?? '';
  expect(await store.firstRecent?.(id, 1)).toBe(1);
  await between(async () => undefined);
  expect(await store.firstRecent?.(id, 2)).toBe(2);
  await between(async (maildir) => {
    const path = join(maildir, 'postroad-index');
    const lines = (await readFile(path, 'utf8')).split('\n');
    await writeFile(path, [...lines.slice(0, -2), ''].join('\n'));
  });
  expect(await store.firstRecent?.(id)).toBe(2);
  expect((await inbox()).entries.map(({ uid }) => uid)).toEqual([1, 2]);
});

test('with an index of a version that knew nothing of it, what stands in `cur` is not recent', async () => {
  await file('INBOX', ['\\Seen']);
  await file();
  await between(async (maildir) => {
    const path = join(maildir, 'postroad-index');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replaceAll(/"firstRecent":\d+,/g, ''));
  });
  const id = (await inbox()).mailbox?.id ?? '';
  expect(await store.firstRecent?.(id, 2)).toBe(2);
  expect(await readdir(join(directory, 'alice', 'new'))).toEqual([]);
});

test('a damaged index gives the mailbox a new UIDVALIDITY, never wrong UIDs', async () => {
  await file();
  const before = await inbox();
  await between(async (maildir) => {
    const path = join(maildir, 'postroad-index');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace('"uidNext"', '"uidNext'));
  });
  const after = await inbox();
  expect(after.mailbox?.uidValidity).toBeGreaterThan(before.mailbox?.uidValidity ?? 0);
  expect(after.entries).toHaveLength(1);
});

test('renames that were cut off are finished', async () => {
  await store.createMailbox('alice', 'a/b');
  await file('a/b');
  await between(async (maildir) => {
    const path = join(maildir, 'postroad-account');
    const state = JSON.parse(await readFile(path, 'utf8'));
    const renames = [
      ['.a', '.n'],
      ['.a.b', '.n.b'],
    ];
    await writeFile(path, JSON.stringify({ ...state, renames }));
    await rename(join(maildir, '.a'), join(maildir, '.n'));
  });
  expect(await store.mailboxByName('alice', 'n/b')).toMatchObject({ messages: 1 });
  expect(await store.mailboxByName('alice', 'a/b')).toBeUndefined();
});

test('a list of accounts that was cut off keeps those before', async () => {
  await file();
  const before = await inbox();
  await between(async () => appendFile(join(directory, 'postroad-accounts'), '"bo'));
  await store.mailboxes('carol');
  await between(async () => undefined);
  expect((await inbox()).mailbox?.id).toBe(before.mailbox?.id);
  expect(await readFile(join(directory, 'postroad-accounts'), 'utf8')).toBe('"alice"\n"carol"\n');
});

test('more keywords than there are letters are kept', async () => {
  const keywords = Array.from({ length: 40 }, (_, number) => `k${number}`).sort();
  await file('INBOX', keywords);
  expect((await inbox()).entries[0]?.flags).toEqual(keywords);
  await between(async () => undefined);
  expect((await inbox()).entries[0]?.flags).toEqual(keywords);
});

test('a lock whose process is gone is taken over', async () => {
  await between(async () => writeFile(join(directory, 'postroad-lock'), '999999999 1\n'));
  await expect(openStoreMaildir(testOptions(directory))).rejects.toMatchObject({ code: 'E_STATE' });
});

test('of several messages at once none stays when one can not be stored, and all share a commit', async () => {
  await file();
  const { mailbox } = await inbox();
  const place = { accountId: 'alice', mailbox: { id: mailbox?.id ?? '' } };
  const given = (text: string) => ({
    message: { prefix: '', body: bodyFromBytes(Buffer.from(text)), internalDateMs: 0 },
    flags: ['\\Seen'],
  });
  const maildir = join(directory, 'alice');
  // The third can't get its name: there is no such directory any more.
  const broken = { ...given('c'), flags: [] };
  await rename(join(maildir, 'new'), join(maildir, 'new-away'));
  await expect(store.fileAll?.(place, [given('a'), given('b'), broken])).rejects.toMatchObject({
    code: 'E_MAILBOX_STORE',
  });
  expect(await readdir(join(maildir, 'cur'))).toEqual([]);
  expect(await readdir(join(maildir, 'tmp'))).toEqual([]);
  await rename(join(maildir, 'new-away'), join(maildir, 'new'));
  await inbox();
  const before = (await readFile(join(maildir, 'postroad-index'), 'utf8')).split('\n').length;
  expect(await store.fileAll?.(place, [given('a'), given('b'), given('c')])).toHaveLength(3);
  expect((await readFile(join(maildir, 'postroad-index'), 'utf8')).split('\n')).toHaveLength(before + 1);
  await between(async () => undefined);
  expect((await inbox()).entries).toHaveLength(4);
});
