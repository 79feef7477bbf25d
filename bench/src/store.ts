/**
 * The mailbox store alone, in this process: what filing a message durably costs, and what the reads behind SELECT,
 * FETCH and STORE cost. Client, network and protocol are not in it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  bodyFromBytes,
  createStoreMemory,
  type Filing,
  type MailboxStore,
  type NewMessage,
  parseStructure,
  readBody,
} from '@postroad/core';
import { createStoreLmdb } from '@postroad/store-lmdb';

/** Runs it: `npm run bench -- store --messages 100000 --size 5000 --engine lmdb`. */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      messages: { type: 'string', default: '100000' },
      size: { type: 'string', default: '5000' },
      engine: { type: 'string', default: 'lmdb' },
      directory: { type: 'string', default: tmpdir() },
    },
  });
  const directory = await mkdtemp(join(values.directory, 'postroad-bench-'));
  const open = () =>
    values.engine === 'memory'
      ? createStoreMemory({ nowMs: () => performance.now() })
      : createStoreLmdb({ directory, cachedEntriesMax: 1_000_000 }, { nowMs: () => performance.now() });
  let store = open();
  try {
    await filing(store, Number(values.messages), Number(values.size));
    if (values.engine !== 'memory') {
      await store.close();
      store = open();
    }
    await reading(store, Number(values.messages));
    await changing(store);
  } finally {
    await store.close();
    await rm(directory, { recursive: true });
  }
}

async function filing(store: MailboxStore, messages: number, size: number): Promise<void> {
  const made = Array.from({ length: 2_000 }, (_, number) => messageOf(number, size));
  await timed('parse the structure', 2_000, async (at) => {
    const { prefix, body } = made[at % 2_000] as NewMessage;
    await parseStructure(prefix, body);
  });
  const place = (accountId: string): Filing => ({ accountId, mailbox: { name: 'INBOX' }, flags: [] });
  let number = 0;
  const file = (accountIds: readonly string[]) =>
    store.file(messageOf(number++, size), accountIds.map(place));
  await timed('file, warming up', 2_000, () => file(['warm']), 50);
  await timed('file, 1 writer', 500, () => file(['carol']));
  await timed('file, 50 writers', 5_000, () => file(['carol']), 50);
  await timed('file, 500 writers', 10_000, () => file(['carol']), 500);
  await timed(
    'file for 10 accounts, 50 writers',
    2_000,
    () => file(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']),
    50,
  );
  await timed(`file, 500 writers, one mailbox up to ${messages}`, messages, () => file(['alice']), 500);
}

async function reading(store: MailboxStore, messages: number): Promise<void> {
  const inbox = await store.mailboxByName('alice', 'INBOX');
  const id = inbox?.id ?? '';
  await timed(`entries() of ${messages}, cold`, 1, () => store.entries(id));
  await timed(`entries() of ${messages}, warm`, 1_000, () => store.entries(id));
  const entries = await store.entries(id);
  const ids = entries.slice(0, 1_000).map((entry) => entry.messageId);
  await timed('messages() of 1,000, cold', 1, () => store.messages(ids));
  await timed('messages() of 1,000, warm', 100, () => store.messages(ids));
  await timed('entries() and messages() of one', 20_000, async (at) => {
    const uid = (at * 7_919) % messages;
    const [entry] = await store.entries(id, { first: uid, last: uid });
    if (entry !== undefined) await store.messages([entry.messageId]);
  });
  await timed('open() and read a body', 20_000, async (at) => {
    const body = await store.open(entries[(at * 7_919) % messages]?.messageId ?? '');
    if (body !== undefined) await readBody(body, 10_000_000);
    await body?.release();
  });
  await timed('changes() with nothing new', 20_000, () => store.changes(id, inbox?.highestModSeq ?? 0));
  await timed('changes() with the last 10', 20_000, () =>
    store.changes(id, (inbox?.highestModSeq ?? 10) - 10),
  );
}

async function changing(store: MailboxStore): Promise<void> {
  const id = (await store.mailboxByName('alice', 'INBOX'))?.id ?? '';
  const archive = (await store.mailboxByName('alice', 'Archive'))?.id ?? '';
  const flip = (at: number) => (at % 2 === 0 ? 'add' : 'remove') as 'add' | 'remove';
  await timed('flag one, 1 client', 500, (at) =>
    store.changeFlags(id, [at + 1], { mode: 'add', flags: ['\\Flagged'] }),
  );
  await timed(
    'flag one, 50 clients',
    10_000,
    (at) =>
      store.changeFlags(id, [(at % 5_000) + 1], { mode: flip(Math.floor(at / 5_000)), flags: ['\\Seen'] }),
    50,
  );
  const all = (await store.entries(id)).map((entry) => entry.uid);
  await timed(`flag all ${all.length}`, 1, () =>
    store.changeFlags(id, all, { mode: 'add', flags: ['\\Answered'] }),
  );
  await timed('copy 1,000', 1, () => store.copy(id, all.slice(0, 1_000), archive));
  await timed('move 1,000', 1, () => store.move(id, all.slice(0, 1_000), archive));
  await timed('expunge 1,000', 1, () => store.expunge(id, all.slice(1_000, 2_000)));
}

/** Runs it so many times, as many at once as `width`, and prints time and CPU of each. */
async function timed(
  what: string,
  times: number,
  work: (at: number) => Promise<unknown>,
  width = 1,
): Promise<void> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  let next = 0;
  const worker = async () => {
    while (next < times) await work(next++);
  };
  await Promise.all(Array.from({ length: width }, worker));
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  const rate = `${Math.round((times / ms) * 1_000)}/s`;
  console.log(
    `store ${what.padEnd(45)} ${rate.padStart(12)} ${((ms * 1_000) / times).toFixed(1).padStart(12)} us ${((user + system) / times).toFixed(1).padStart(12)} CPU us`,
  );
}

/** A message as people send them: header, text and HTML. No two are the same. */
function messageOf(number: number, size: number): NewMessage {
  const line = 'The quick brown fox jumps over the lazy dog, and then it does so once more.\r\n';
  const half = line.repeat(Math.max(1, Math.floor((size - 1_200) / 2 / line.length)));
  const text = [
    `Received: from client.example (client.example [192.0.2.1]) by mx.example.org; Mon, 23 Nov 2026 10:00:00 +0000`,
    `From: "Alice Liddell" <alice@example.org>`,
    `To: Bob Builder <bob@example.net>, carol@example.com`,
    `Subject: =?utf-8?Q?Message_number_${number}?=`,
    `Date: Mon, 23 Nov 2026 10:00:00 +0000`,
    `Message-ID: <${number}@example.org>`,
    `References: <${number - 1}@example.org> <${number - 2}@example.org>`,
    `MIME-Version: 1.0`,
    `Content-Type: multipart/alternative; boundary="=_${number}"`,
    '',
    `--=_${number}`,
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 7bit',
    '',
    half,
    `--=_${number}`,
    'Content-Type: text/html; charset=utf-8',
    'Content-Transfer-Encoding: quoted-printable',
    '',
    half,
    `--=_${number}--`,
    '',
  ].join('\r\n');
  const prefix = `Return-Path: <alice@example.org>\r\nDelivered-To: bob@example.net\r\n`;
  return { prefix, body: bodyFromBytes(Buffer.from(text)), internalDateMs: 1_700_000_000_000 + number };
}
