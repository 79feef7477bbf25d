/** The index of texts never leaves out a message that has the text. */
import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bodyFromBytes, containsText, foldText, type MailboxStore } from '@postroad/core';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type OpenStore, openMailboxStore } from './mailbox-store-lmdb.js';
import { seededNumbers, testOptions } from './test-kit.js';
import { indexTexts } from './text-index.js';

let directory: string;
let open: OpenStore;
const signal = new AbortController().signal;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postroad-texts-'));
  open = openMailboxStore(testOptions(directory, { hasTextIndex: true, inlineBytesMax: 20_000 }));
});
afterEach(async () => {
  await open.store.close();
  await rm(directory, { recursive: true });
});

async function file(store: MailboxStore, text: string): Promise<void> {
  const message = { prefix: '', body: bodyFromBytes(Buffer.from(text)), internalDateMs: 0 };
  await store.file(message, [{ accountId: 'alice', mailbox: { name: 'INBOX' }, flags: [] }]);
}

/** The UIDs of messages that may have a text, and of those that have it. */
async function search({ store }: OpenStore, text: string) {
  const id = (await store.mailboxByName('alice', 'INBOX'))?.id ?? '';
  const mayHave = await store.textCandidates?.(id, foldText(text));
  const may: number[] = [];
  const has: number[] = [];
  for (const { uid, messageId } of await store.entries(id)) {
    if (mayHave === undefined || mayHave(messageId)) may.push(uid);
    const body = await store.open(messageId);
    const [stored] = await store.messages([messageId]);
    if (
      body !== undefined &&
      stored !== undefined &&
      (await containsText(stored, body, foldText(text), true))
    )
      has.push(uid);
    await body?.release();
  }
  return { may, has };
}

const indexAll = async () => {
  while ((await indexTexts(open.engine, signal)) > 0);
};

it('never leaves out a message that has the text, and leaves out most others', async () => {
  const seed = randomInt(100_000);
  console.log(`seed ${seed}`);
  const random = seededNumbers(seed);
  const words = [
    'Straße',
    'apple',
    'pear',
    '日本語の文',
    'grün',
    'zebra',
    'x',
    'aa',
    'aaa',
    'quick brown',
    'É',
    'naïve',
  ];
  const pick = () => words[Math.floor(random() * words.length)] as string;
  const texts = Array.from({ length: 300 }, (_, number) => {
    const long = number % 50 === 49 ? 'padding that makes it a file\r\n'.repeat(1_000) : '';
    return `Subject: ${pick()} ${number}\r\n\r\n${pick()} ${pick()} ${number}\r\n${long}end ${pick()}\r\n`;
  });
  await Promise.all(texts.map((text) => file(open.store, text)));
  await indexAll();
  for (const text of [
    ...words,
    'STRASSE'.replace('SS', 'ß'),
    'end pear',
    'brown 17',
    'nothing like it',
    'makes it a',
  ]) {
    const { may, has } = await search(open, text);
    expect(may, `seed ${seed}: ${text}`).toEqual(expect.arrayContaining(has));
    if (foldText(text).length > 4) expect(may.length, text).toBeLessThan(has.length + 30);
  }
  expect((await search(open, 'brown 17')).may.length).toBeLessThan(40);
}, 300_000);

it('lets through what it has not seen yet, and says nothing of short texts', async () => {
  await file(open.store, 'Subject: first\r\n\r\none\r\n');
  expect((await search(open, 'second')).may).toEqual([1]);
  await indexAll();
  expect((await search(open, 'second')).may).toEqual([]);
  expect((await search(open, 'on')).may).toEqual([1]);
  await file(open.store, 'Subject: second\r\n\r\ntwo\r\n');
  expect(await search(open, 'second')).toEqual({ may: [2], has: [2] });
  await indexAll();
  expect((await search(open, 'first')).may).toEqual([1]);
});

it('goes on after a crash in the middle and over the end of a segment', async () => {
  for (let round = 0; round < 11; round++) {
    await Promise.all(
      Array.from({ length: 100 }, (_, at) =>
        file(open.store, `Subject: m${round}-${at}\r\n\r\nunique-${round}-${at}-\r\n`),
      ),
    );
  }
  expect(await indexTexts(open.engine, signal)).toBe(512);
  await open.store.close();
  open = openMailboxStore(testOptions(directory, { hasTextIndex: true }));
  await open.engine.tables.meta.put('texts-indexed', 50);
  await indexAll();
  for (const text of ['unique-0-3-', 'unique-10-99-', 'unique-9-50-']) {
    const { may, has } = await search(open, text);
    expect(has).toHaveLength(1);
    expect(may).toEqual(expect.arrayContaining(has));
    expect(may.length).toBeLessThan(60);
  }
}, 300_000);
