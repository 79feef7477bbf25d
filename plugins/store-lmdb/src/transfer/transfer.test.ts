/** Mailboxes leave for Maildir and mbox and come back as they were. */
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bodyFromBytes, createSpool, type MailboxStore, readBody } from '@postroad/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type OpenStore, openMailboxStore } from '../mailbox-store-lmdb.js';
import { testOptions } from '../test-kit.js';
import { importMessages } from './import-messages.js';
import { linesOf } from './lines.js';
import { readMaildir, writeMaildir } from './maildir.js';
import { readMbox, writeMbox } from './mbox.js';
import { leavingMessages } from './transferred-message.js';

let directory: string;
let open: OpenStore;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postroad-transfer-'));
  open = openMailboxStore(testOptions(join(directory, 'store')));
});
afterEach(async () => {
  await open.store.close();
  await rm(directory, { recursive: true });
});

const texts: readonly (readonly [text: string, flags: readonly string[]])[] = [
  ['Subject: one\r\n\r\nhello\r\n', []],
  ['Subject: two\r\n\r\nFrom here\r\n>From there\r\n\r\nFrom after an empty line\r\n\r\n\r\n', ['\\Seen']],
  ['Subject: three\r\n\r\n', ['\\Answered', '\\Flagged', '$Forwarded', 'Work']],
  [
    `Subject: big\r\n\r\n${'a line of 8-bit \xe4\xff octets\r\n'.repeat(20_000)}`,
    ['\\Deleted', '\\Draft', '\\Seen'],
  ],
  [`Subject: long line\r\n\r\n${'x'.repeat(300_000)}\r\nend\r\n`, []],
];

async function fill(): Promise<string> {
  for (const [number, [text, flags]] of texts.entries()) {
    const body = bodyFromBytes(Buffer.from(text, 'latin1'));
    const message = {
      prefix: 'Delivered-To: a\r\n',
      body,
      internalDateMs: 1_600_000_000_000 + number * 1_000,
    };
    await open.store.file(message, [{ accountId: 'alice', mailbox: { name: 'INBOX' }, flags }]);
  }
  return (await open.store.mailboxByName('alice', 'INBOX'))?.id ?? '';
}

async function contents(store: MailboxStore, name: string): Promise<readonly unknown[]> {
  const mailbox = await store.mailboxByName('alice', name);
  const found: unknown[] = [];
  for (const entry of await store.entries(mailbox?.id ?? '')) {
    const body = await store.open(entry.messageId);
    if (body === undefined) continue;
    found.push([entry.flags, entry.internalDateMs, (await readBody(body, 10_000_000)).toString('latin1')]);
    await body.release();
  }
  return found.sort();
}

const spool = () => createSpool({ directory: join(directory, 'spool'), inlineOctetsMax: 65_536 });
const options = (mailboxName: string) => ({ accountId: 'alice', mailboxName });

describe('maildir', () => {
  it('brings back what it was given', async () => {
    const id = await fill();
    const path = join(directory, 'maildir');
    expect(await writeMaildir(path, leavingMessages(open.store, id))).toBe(texts.length);
    expect((await readdir(join(path, 'cur'))).map((name) => name.replace(/^.*:2,/, '')).sort()).toEqual([
      '',
      '',
      'DST',
      'FPRa',
      'S',
    ]);
    expect(await readdir(join(path, 'tmp'))).toEqual([]);
    const result = await importMessages(open.engine, open.store, readMaildir(path, spool()), options('back'));
    expect(result).toEqual({ imported: texts.length, known: 0 });
    expect(await contents(open.store, 'back')).toEqual(await contents(open.store, 'INBOX'));
    expect(await readdir(join(directory, 'spool'))).toEqual([]);
  });

  it('files nothing twice when it is run again', async () => {
    const id = await fill();
    const path = join(directory, 'maildir');
    await writeMaildir(path, leavingMessages(open.store, id));
    const run = () => importMessages(open.engine, open.store, readMaildir(path, spool()), options('back'));
    await run();
    expect(await run()).toEqual({ imported: 0, known: texts.length });
    expect((await open.store.mailboxByName('alice', 'back'))?.messages).toBe(texts.length);
  });

  it('takes new mail as unseen and the date of the file', async () => {
    const path = join(directory, 'maildir');
    await mkdir(join(path, 'new'), { recursive: true });
    await writeFile(join(path, 'new', '1.x.host'), 'Subject: x\n\nbody without an end');
    await utimes(join(path, 'new', '1.x.host'), 1_500_000_000, 1_500_000_000);
    await importMessages(open.engine, open.store, readMaildir(path, spool()), options('INBOX'));
    expect(await contents(open.store, 'INBOX')).toEqual([
      [[], 1_500_000_000_000, 'Subject: x\r\n\r\nbody without an end'],
    ]);
  });

  it('stops at the quota and keeps what came before', async () => {
    const path = join(directory, 'maildir');
    await mkdir(join(path, 'new'), { recursive: true });
    for (let number = 0; number < 100; number++)
      await writeFile(join(path, 'new', `${number}.x`), `Subject: ${number}\n\n`);
    await open.store.setQuota('alice', 200);
    const run = importMessages(open.engine, open.store, readMaildir(path, spool()), options('INBOX'));
    await expect(run).rejects.toMatchObject({ code: 'E_QUOTA' });
    expect((await open.store.quota('alice')).messages).toBeGreaterThan(5);
  });
});

describe('mbox', () => {
  it('brings back what it was given', async () => {
    const id = await fill();
    const path = join(directory, 'mbox');
    expect(await writeMbox(path, leavingMessages(open.store, id))).toBe(texts.length);
    const file = await readFile(path, 'latin1');
    expect(file).toContain('\n>From here\n>>From there\n');
    expect(file.match(/^From MAILER-DAEMON Sun Sep 13 12:26:4\d 2020$/gm)).toHaveLength(texts.length);
    const result = await importMessages(open.engine, open.store, readMbox(path, spool(), 0), options('back'));
    expect(result).toEqual({ imported: texts.length, known: 0 });
    expect(await contents(open.store, 'back')).toEqual(await contents(open.store, 'INBOX'));
  });

  it('reads one that others wrote, and refuses to write over it', async () => {
    const path = join(directory, 'mbox');
    const from = 'From a@example.org Mon Nov 23 20:12:43 2026';
    await writeFile(
      path,
      `${from}\nSubject: a\nStatus: RO\nX-Keywords: Work,\n home\nTo: b\n\nFrom is no start here\n\n${from}\n\n`,
    );
    await importMessages(open.engine, open.store, readMbox(path, spool(), 0), options('INBOX'));
    const date = Date.UTC(2026, 10, 23, 20, 12, 43);
    expect(await contents(open.store, 'INBOX')).toEqual([
      [[], date, ''],
      [['Work', '\\Seen'], date, 'Subject: a\r\nTo: b\r\n\r\nFrom is no start here\r\n'],
    ]);
    await expect(writeMbox(path, leavingMessages(open.store, 'F1'))).rejects.toThrow(/EEXIST/);
  });
});

describe('linesOf', () => {
  it('gives the same lines for any pieces', async () => {
    const text = Buffer.from('a\r\nb\n\r\n\rc\r\r\nlast');
    for (const size of [1, 2, 3, 100]) {
      const lines: string[] = [];
      const chunks = (async function* () {
        for (let at = 0; at < text.length; at += size) yield text.subarray(at, at + size);
      })();
      for await (const { bytes } of linesOf(chunks)) lines.push(Buffer.from(bytes).toString());
      expect(lines).toEqual(['a', 'b', '', '\rc\r', 'last']);
    }
  });
});
