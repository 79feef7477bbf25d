/** What was acknowledged is there after kill -9 and after a full disk, and nothing else is. */
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type MailboxEntry, type MailboxStore, readBody } from '@postroad/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openMailboxStore } from './mailbox-store-lmdb.js';
import { messageNamed, seededNumbers, testOptions } from './test-kit.js';

const program = fileURLToPath(new URL('../dist/test-kit.js', import.meta.url));
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postroad-store-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

/** Runs the program until it has acknowledged so many messages, then kills it; returns its lines. */
async function runAndKill(
  round: number,
  killAfter: number,
  limitBlocks?: number,
): Promise<readonly string[]> {
  const limit = limitBlocks === undefined ? '' : `ulimit -f ${limitBlocks}; `;
  const child = spawn(
    'sh',
    ['-c', `${limit}exec "$0" "$@"`, process.execPath, program, directory, `${round}`],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  let output = '';
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
    if (output.split('\nfiled ').length > killAfter) child.kill('SIGKILL');
  });
  await ended;
  // A line without its end was being written when the process was killed.
  return output.split('\n').slice(0, -1);
}

/** The messages that must be there, by UID, and those that must not. */
function expected(lines: readonly string[]) {
  const filed = new Map<number, string>();
  const removed = new Set<number>();
  for (const line of lines) {
    const [what, name, uid] = line.split(' ');
    if (what === 'filed') filed.set(Number(uid), name as string);
    if (what === 'removed') removed.add(Number(uid));
  }
  return { filed, removed };
}

async function textOf(store: MailboxStore, entry: MailboxEntry): Promise<string> {
  const body = await store.open(entry.messageId);
  if (body === undefined) return 'no body';
  const text = (await readBody(body, 1_000_000)).toString();
  await body.release();
  return text;
}

async function bodyFiles(): Promise<readonly string[]> {
  const found = await readdir(join(directory, 'bodies'), { recursive: true }).catch(() => []);
  return found.filter((name) => name.includes('/'));
}

/** Opens the store and compares it with what was acknowledged so far. */
async function check(lines: readonly string[]): Promise<void> {
  const { store, recovered } = openMailboxStore(testOptions(directory));
  await recovered;
  const { filed, removed } = expected(lines);
  const inbox = await store.mailboxByName('alice', 'INBOX');
  const entries = await store.entries(inbox?.id ?? '');
  const byUid = new Map(entries.map((entry) => [entry.uid, entry]));
  expect(byUid.size).toBe(entries.length);
  for (const [uid, name] of filed) {
    const entry = byUid.get(uid);
    if (removed.has(uid)) expect(entry, `${name} was removed`).toBeUndefined();
    // One whose removal was under way may be gone without word of it.
    else if (entry !== undefined || Number(name.split('-')[1]) % 5 !== 4) {
      const { prefix, body } = messageNamed(name);
      const text = prefix + Buffer.from(body.inline ?? []).toString();
      expect((await textOf(store, entry as MailboxEntry)) === text, `${name} as UID ${uid}`).toBe(true);
    }
  }
  const large = await Promise.all(entries.map(async (entry) => (await store.open(entry.messageId))?.file));
  const bytes = entries.reduce((sum, entry) => sum + entry.sizeBytes, 0);
  expect(inbox).toMatchObject({ messages: entries.length, sizeBytes: bytes, unseen: 0 });
  expect(await store.quota('alice')).toEqual({ usedBytes: bytes, messages: entries.length });
  expect((inbox?.uidNext ?? 0) > Math.max(0, ...filed.keys())).toBe(true);
  expect(large.length).toBe(entries.length);
  const big = entries.filter((entry) => entry.sizeBytes > 65_536 + 100);
  expect((await bodyFiles()).length, 'files without a message').toBe(big.length);
  await store.close();
}

describe('store-lmdb', () => {
  it('has everything it acknowledged after kill -9, and nothing half-done', async () => {
    const seed = randomInt(100_000);
    console.log(`seed ${seed}`);
    const random = seededNumbers(seed);
    const lines: string[] = [];
    for (let round = 0; round < 3; round++) {
      lines.push(...(await runAndKill(round, 20 + Math.floor(random() * 80))));
      await check(lines);
    }
    expect(lines.length).toBeGreaterThan(50);
  }, 300_000);

  it('refuses with E_MAILBOX_STORE when the disk is full, keeps what it has, and goes on when there is room', async () => {
    const lines = await runAndKill(0, Number.POSITIVE_INFINITY, 1_024);
    const failures = lines.filter((line) => line.startsWith('failed'));
    expect(failures.length).toBeGreaterThan(0);
    expect(new Set(failures)).toEqual(new Set(['failed E_MAILBOX_STORE']));
    await check(lines);
    await check([...lines, ...(await runAndKill(1, 20))]);
  }, 300_000);

  it('removes files that no message refers to at the next start, but not those of a living process', async () => {
    await openMailboxStore(testOptions(directory)).store.close();
    const { store } = openMailboxStore(testOptions(directory));
    await store.file(messageNamed('x-3'), [{ accountId: 'alice', mailbox: { name: 'INBOX' }, flags: [] }]);
    await store.close();
    const [kept] = await bodyFiles();
    const folder = join(directory, 'bodies', (kept as string).split('/')[0] as string);
    const dead = spawn(process.execPath, ['-e', '']);
    await new Promise((resolve) => dead.once('close', resolve));
    const names = { dead: `aa.${dead.pid}-0-1`, living: `aa.${process.ppid}-0-1`, foreign: 'notes.txt' };
    for (const name of Object.values(names)) await writeFile(join(folder, name), 'x');
    const again = openMailboxStore(testOptions(directory));
    await again.recovered;
    await again.store.close();
    expect((await readdir(folder)).sort()).toEqual(
      [names.living, names.foreign, (kept as string).split('/')[1]].sort(),
    );
  });

  it('goes on when another process changes the same store', async () => {
    const { store } = openMailboxStore(testOptions(directory));
    const id = (await store.mailboxByName('alice', 'INBOX'))?.id ?? '';
    const filings = [{ accountId: 'alice', mailbox: { id }, flags: ['\\Seen'] }];
    const other = runAndKill(0, 30);
    const own: number[] = [];
    let isOver = false;
    const ended = other.then(() => {
      isOver = true;
    });
    for (let number = 0; !isOver; number++) {
      const [filed] = await store.file(messageNamed(`own-${number * 4}`), filings);
      if (filed?.status === 'filed') own.push(filed.uid);
      expect((await store.entries(id)).map((entry) => entry.uid)).toContain(own.at(-1));
    }
    await ended;
    const { filed } = expected(await other);
    expect(new Set([...own, ...filed.keys()]).size, 'no UID twice').toBe(own.length + filed.size);
    const cached = await store.entries(id);
    await store.close();
    const again = openMailboxStore(testOptions(directory));
    expect(await again.store.entries(id)).toEqual(cached);
    await again.store.close();
  }, 300_000);
});
