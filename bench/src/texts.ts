/**
 * SEARCH over IMAP with the index of texts: how long the index takes to be complete, and what a search takes before and
 * after. Results are counted, so that a fast wrong answer is an error.
 */
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { accessImap } from '@postroad/access-imap';
import { bodyFromBytes, createMta, definePlugin, MailboxStore, Metrics, queueMemory } from '@postroad/core';
import { storeLmdb } from '@postroad/store-lmdb';
import { type LoadClient, logIn } from './access/client.js';
import { messageOf } from './access/fill.js';

const account = 'reader';
const writers = 200;
/** Each of so many words stands in as many messages as the others. */
const rareWords = 1_000;

/** Runs it: `npm run bench -- texts --messages 100000 --size 2048`. `--directory` keeps the mailbox for the next run. */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      messages: { type: 'string', default: '100000' },
      size: { type: 'string', default: '2048' },
      directory: { type: 'string', default: join(tmpdir(), 'postroad-bench-texts') },
    },
  });
  const [messages, size] = [Number(values.messages), Number(values.size)];
  const directory = join(values.directory, `${messages}x${size}`);
  await mkdir(directory, { recursive: true });
  const { mta, store, metrics } = await start(directory);
  try {
    await fill(store, messages, size);
    const port = mta.listeners.find(({ name }) => name === 'imap')?.port ?? 0;
    const client = await logIn(port, account);
    const startedAt = performance.now();
    const behind = () => metrics.samples().find(({ name }) => name === 'store_lmdb_texts_behind')?.value ?? 0;
    for (let left = behind(); left > 0; left = behind()) {
      console.log(`index: ${left} messages behind`);
      await new Promise((resolve) => setTimeout(resolve, 2_000));
    }
    console.log(`index complete after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
    const each = Math.round(messages / rareWords);
    await measure(client, 'TEXT, in one of a thousand', (at) => `TEXT "rare${at}word"`, each);
    await measure(client, 'BODY, in one of a thousand', (at) => `BODY "rare${at}word"`, each);
    await measure(client, 'BODY, nowhere', (at) => `BODY "nowhere${at}atall"`, 0);
    await measure(client, 'SUBJECT and TEXT', (at) => `SUBJECT "load" TEXT "rare${at}word"`, each);
    await client.close();
  } finally {
    await mta.stop();
  }
}

async function start(directory: string) {
  let services: { readonly store: MailboxStore; readonly metrics: Metrics } | undefined;
  const probe = definePlugin({
    name: 'bench-probe',
    needs: { store: MailboxStore, metrics: Metrics },
    setup(context) {
      services = context.services;
      context.tap('credentials', (_, { login, mechanism }) => ({ accountId: login, login, mechanism }));
    },
  });
  const mta = createMta({
    hostname: 'texts.test',
    log: { level: 'error' },
    spool: { directory: join(directory, 'spool') },
    listeners: [],
    plugins: [
      queueMemory(),
      storeLmdb({ directory: join(directory, 'mailboxes'), hasTextIndex: true }),
      probe(),
      accessImap({ port: 0, host: '127.0.0.1', tls: 'none', plaintextAuth: true }),
    ],
  });
  await mta.start();
  if (services === undefined) throw new Error('there is no store');
  return { mta, ...services };
}

async function fill(store: MailboxStore, messages: number, size: number): Promise<void> {
  let next = (await store.mailboxByName(account, 'INBOX'))?.messages ?? 0;
  const startedAt = performance.now();
  const writer = async () => {
    while (next < messages) {
      const body = bodyFromBytes(Buffer.from(messageOf(next++, size)));
      const filing = { accountId: account, mailbox: { name: 'INBOX' }, flags: [] };
      await store.file({ prefix: '', body, internalDateMs: 0 }, [filing]);
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
  console.log(`${messages} messages filed in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
}

async function measure(
  client: LoadClient,
  what: string,
  search: (at: number) => string,
  expected: number,
): Promise<void> {
  const times: number[] = [];
  for (let at = 0; at < 15; at++) {
    const before = performance.now();
    const answer = await client.run(`UID SEARCH RETURN (COUNT) ${search((at * 37) % rareWords)}`);
    times.push(performance.now() - before);
    const count = Number(/COUNT (\d+)/.exec(answer)?.[1]);
    if (count !== expected) throw new Error(`${search(at)}: ${count} messages instead of ${expected}`);
  }
  times.sort((a, b) => a - b);
  const [median, worst] = [times[Math.floor(times.length / 2)], times.at(-1)];
  console.log(`${what}: median ${median?.toFixed(0)} ms, worst ${worst?.toFixed(0)} ms, ${expected} found`);
}
