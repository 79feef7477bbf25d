/** The contract of messages: filing them and reading them back. */

import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Body } from '../../body/body.js';
import { bodyFromFile } from '../../body/file-body.js';
import { bodyFromBytes } from '../../body/inline-body.js';
import type { Filing } from '../../services/mailbox-store.js';
import { alice, bob, fileMany, fileOne, mailboxNamed, messageOf, textOf } from './mailbox-store-kit.js';
import type { OpenMailboxStore } from './open-mailbox-store.js';

/** Tests of filing. */
export function filingTests(use: () => OpenMailboxStore): void {
  describe('filing', () => {
    filing(use);
    together(use);
    contents(use);
  });
}

function filing(use: () => OpenMailboxStore): void {
  it('files one message for many recipients, stored once', async () => {
    const { store } = use();
    const inbox = await mailboxNamed(store, 'INBOX');
    const filings: Filing[] = [
      { accountId: alice, mailbox: { id: inbox.id }, flags: ['\\seen', 'Work'] },
      { accountId: bob, mailbox: { name: 'inbox' }, flags: [] },
      { accountId: bob, mailbox: { name: 'Lists/x' }, flags: [] },
      { accountId: bob, mailbox: { id: 'nope' }, flags: [] },
      { accountId: bob, mailbox: { id: inbox.id }, flags: [] },
    ];
    const filed = await store.file(messageOf('news'), filings);
    const list = await mailboxNamed(store, 'Lists/x', bob);
    const bobs = await mailboxNamed(store, 'INBOX', bob);
    expect(filed).toEqual([
      { status: 'filed', mailboxId: inbox.id, uidValidity: inbox.uidValidity, uid: 1 },
      { status: 'filed', mailboxId: bobs.id, uidValidity: bobs.uidValidity, uid: 1 },
      { status: 'filed', mailboxId: list.id, uidValidity: list.uidValidity, uid: 1 },
      { status: 'missing' },
      { status: 'missing' },
    ]);
    const entries = await Promise.all([inbox, bobs, list].map(({ id }) => store.entries(id)));
    expect(new Set(entries.map(([entry]) => entry?.messageId)).size).toBe(1);
    expect(entries[0]?.[0]).toMatchObject({ flags: ['Work', '\\Seen'], internalDateMs: 1_000_000 });
    expect((await mailboxNamed(store, 'INBOX')).unseen).toBe(0);
    expect(bobs).toMatchObject({ messages: 1, unseen: 1, uidNext: 2, sizeBytes: entries[1]?.[0]?.sizeBytes });
  });

  it('gives ascending UIDs that are never used again', async () => {
    const { store } = use();
    const { mailboxId, uids } = await fileMany(store, 'INBOX', 3);
    expect(uids).toEqual([1, 2, 3]);
    await store.expunge(mailboxId, [2, 3]);
    expect((await fileOne(store, 'INBOX')).uid).toBe(4);
    expect((await mailboxNamed(store, 'INBOX')).uidNext).toBe(5);
  });

  it('stores nothing when nobody takes it', async () => {
    const { store } = use();
    const filed = await store.file(messageOf('x'), [
      { accountId: alice, mailbox: { id: 'nope' }, flags: [] },
    ]);
    expect(filed).toEqual([{ status: 'missing' }]);
    expect(await store.file(messageOf('x'), [])).toEqual([]);
    expect(await store.quota(alice)).toMatchObject({ usedBytes: 0, messages: 0 });
  });

  it('takes writers at once', async () => {
    const { store } = use();
    const filed = await Promise.all(
      Array.from({ length: 60 }, (_, number) =>
        fileOne(store, 'INBOX', {
          account: number % 3 === 0 ? bob : alice,
          message: messageOf(`m${number}`),
        }),
      ),
    );
    const alices = filed.filter((_, number) => number % 3 !== 0);
    expect(alices.map((one) => one.uid).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 40 }, (_, at) => at + 1),
    );
    const entries = await store.entries(alices[0]?.mailboxId ?? '');
    const modSeqs = entries.map((entry) => entry.modSeq);
    expect([...modSeqs].sort((a, b) => a - b)).toEqual(modSeqs);
    expect(await store.mailboxByName(alice, 'INBOX')).toMatchObject({
      messages: 40,
      uidNext: 41,
      highestModSeq: modSeqs.at(-1),
    });
  });

  it('makes a mailbox once when many file into it by name', async () => {
    const { store } = use();
    const filed = await Promise.all(Array.from({ length: 20 }, () => fileOne(store, 'new/box')));
    expect(new Set(filed.map((one) => one.mailboxId)).size).toBe(1);
    expect(await mailboxNamed(store, 'new/box')).toMatchObject({ messages: 20, isSubscribed: true });
  });

  it('serves thousands of messages in one mailbox, whole and by range', async () => {
    const { store, bigMailbox: count = 10_000 } = use();
    const message = messageOf('many');
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: count / 10 }, () => fileOne(store, 'INBOX', { message })));
    }
    const { id } = await mailboxNamed(store, 'INBOX');
    const entries = await store.entries(id);
    expect(entries.map((entry) => entry.uid)).toEqual(Array.from({ length: count }, (_, at) => at + 1));
    const middle = count / 2;
    expect(await store.entries(id, { first: middle, last: middle + 4 })).toEqual(
      entries.slice(middle - 1, middle + 4),
    );
    expect(await store.entries(id, { first: count - 1, last: 4_294_967_295 })).toHaveLength(2);
    expect(await store.entries(id, { first: 2 * count, last: 3 * count })).toEqual([]);
    expect(await store.entries(id, { first: 7, last: 6 })).toEqual([]);
    await store.changeFlags(id, [1], { mode: 'add', flags: ['\\Seen'] });
    await store.expunge(id, [2]);
    expect(entries, 'what was handed out stays as it was').toHaveLength(count);
    expect(entries[0]?.flags).toEqual([]);
  }, 60_000);
}

function together(use: () => OpenMailboxStore): void {
  const some = (...subjects: readonly string[]) =>
    subjects.map((subject) => ({ message: messageOf(subject), flags: [subject] }));

  it('files several messages in one commit, equal ones too', async (context) => {
    const { store } = use();
    const { id: mailboxId, ...before } = await mailboxNamed(store, 'INBOX');
    const place = { accountId: alice, mailbox: { id: mailboxId } };
    const filed = await store.fileAll?.(place, some('a', 'b', 'a'));
    if (filed === undefined) return context.skip();
    const { uidValidity } = before;
    expect(filed).toEqual([1, 2, 3].map((uid) => ({ status: 'filed', mailboxId, uidValidity, uid })));
    const entries = await store.entries(mailboxId);
    expect(entries.map(({ flags }) => flags)).toEqual([['a'], ['b'], ['a']]);
    await store.expunge(mailboxId, [1]);
    expect(await textOf(store, entries[2]?.messageId ?? '')).toContain('body of a');
    await store.expunge(mailboxId, [2, 3]);
    expect(await store.quota(alice)).toMatchObject({ usedBytes: 0, messages: 0 });
    expect(
      await store.fileAll?.({ accountId: alice, mailbox: { name: 'new' } }, some('c', 'd')),
    ).toHaveLength(2);
    expect(await mailboxNamed(store, 'new')).toMatchObject({ messages: 2, unseen: 2 });
  });

  it('files none of them when one is not taken', async (context) => {
    const { store } = use();
    const { id, uidNext } = await mailboxNamed(store, 'INBOX');
    const place = { accountId: alice, mailbox: { id } };
    const size = messageOf('a').prefix.length + messageOf('a').body.sizeBytes;
    await store.setQuota(alice, 2 * size);
    const filed = await store.fileAll?.(place, some('a', 'b', 'c'));
    if (filed === undefined) return context.skip();
    expect(filed).toBe('quota');
    expect(await store.fileAll?.({ accountId: bob, mailbox: { id } }, some('a', 'b'))).toBe('missing');
    expect(await store.entries(id)).toEqual([]);
    expect(await store.quota(alice)).toMatchObject({ usedBytes: 0, messages: 0 });
    expect(await store.fileAll?.(place, some('a', 'b'))).toMatchObject([
      { uid: uidNext },
      { uid: uidNext + 1 },
    ]);
  });
}

function contents(use: () => OpenMailboxStore): void {
  it('gives the content back as it came, prefix first', async () => {
    const { store } = use();
    const octets = Buffer.from(Array.from({ length: 512 }, (_, at) => at & 255));
    const body = bodyFromBytes(
      Buffer.concat([Buffer.from('A: b\r\n\r\n'), octets, Buffer.from('\r\n.\r\n')]),
    );
    const { mailboxId } = await fileOne(store, 'INBOX', {
      message: { prefix: 'P: 1\r\n', body, internalDateMs: 5 },
    });
    const [entry] = await store.entries(mailboxId);
    const opened = (await store.open(entry?.messageId ?? '')) as Body;
    expect(opened).toMatchObject({ sizeBytes: body.sizeBytes + 6, headerSizeBytes: 14, has8bit: true });
    expect(opened.header.get('p')).toBe('1');
    const part: Uint8Array[] = [];
    for await (const chunk of opened.open({ start: 3, end: 20 })) part.push(chunk);
    await opened.release();
    const whole = await textOf(store, entry?.messageId ?? '');
    expect(whole).toBe(`P: 1\r\nA: b\r\n\r\n${octets.toString('latin1')}\r\n.\r\n`);
    expect(Buffer.concat(part).toString('latin1')).toBe(whole.slice(3, 20));
    expect(entry?.sizeBytes).toBe(whole.length);
  });

  it('keeps the structure of messages, in the order asked for', async () => {
    const { store } = use();
    const { mailboxId } = await fileMany(store, 'INBOX', 3);
    const ids = (await store.entries(mailboxId)).map((entry) => entry.messageId);
    const asked = [ids[2], 'nope', ids[0]] as string[];
    const [third, none, first] = await store.messages(asked);
    expect(third).toMatchObject({ messageId: ids[2], envelope: { subject: 'message 2' } });
    expect(none).toBeUndefined();
    expect(first).toMatchObject({
      messageId: ids[0],
      envelope: {
        subject: 'message 0',
        from: [{ name: null, route: null, mailbox: 'a', host: 'example.org' }],
        to: null,
      },
      structure: { type: 'text', subtype: 'plain', lines: 1, children: [], message: null },
    });
    const text = await textOf(store, ids[0] ?? '');
    expect(first?.sizeBytes).toBe(text.length);
    expect(first?.headerSizeBytes).toBe(text.indexOf('\r\n\r\n') + 4);
    expect(first?.structure.bodyStart).toBe(first?.headerSizeBytes);
  });

  it('stores an empty message and one without a header', async () => {
    const { store } = use();
    for (const text of ['', 'x', '\r\nonly a body\r\n']) {
      const message = { prefix: '', body: bodyFromBytes(Buffer.from(text)), internalDateMs: 0 };
      const { mailboxId, uid } = await fileOne(store, 'INBOX', { message });
      const [entry] = await store.entries(mailboxId, { first: uid, last: uid });
      expect(await textOf(store, entry?.messageId ?? '')).toBe(text);
    }
  });

  it('takes a big body from a file and does not need the file afterwards', async () => {
    const { store } = use();
    const directory = await mkdtemp(join(tmpdir(), 'postroad-contract-'));
    const header = 'Subject: big\r\n\r\n';
    const content = Buffer.from(header + 'line of a big message \xe4\r\n'.repeat(100_000), 'latin1');
    const file = join(directory, 'body');
    await writeFile(file, content);
    const body = bodyFromFile({
      file,
      sizeBytes: content.length,
      has8bit: true,
      headerSizeBytes: header.length,
      headerBytes: content.subarray(0, header.length),
      sha256: createHash('sha256').update(content).digest('hex'),
      isOwned: true,
    });
    const { mailboxId } = await fileOne(store, 'INBOX', { message: { prefix: '', body, internalDateMs: 0 } });
    await fileOne(store, 'Sent', { message: { prefix: 'A: b\r\n', body, internalDateMs: 0 } });
    await body.release();
    const [entry] = await store.entries(mailboxId);
    expect(entry?.sizeBytes).toBe(content.length);
    expect((await textOf(store, entry?.messageId ?? '')) === content.toString('latin1')).toBe(true);
    const opened = (await store.open(entry?.messageId ?? '')) as Body;
    await store.expunge(mailboxId, [1]);
    const tail: Uint8Array[] = [];
    for await (const chunk of opened.open({ start: content.length - 10, end: content.length }))
      tail.push(chunk);
    expect(Buffer.concat(tail), 'readable while it is held').toEqual(content.subarray(-10));
    await opened.release();
    const [copy] = await store.entries((await mailboxNamed(store, 'Sent')).id);
    expect(await textOf(store, copy?.messageId ?? '')).toHaveLength(content.length + 6);
    await rm(directory, { recursive: true });
  });
}
