import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Logger, type QueueStore, readBody } from '@postroad/core';
import { createSeededRandom } from '@postroad/core/testing';
import { openLmdbQueueStore } from '@postroad/queue-lmdb';
import { expect, it } from 'vitest';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const child = join(import.meta.dirname, 'crash-child.mjs');
const rounds = 8;

/** Runs the child until it has been killed with SIGKILL; gives the lines that it said. */
function runAndKill(directory: string, round: number, linesMin: number): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const running = spawn(process.execPath, [child, directory, String(round)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    running.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.split('\n').length > linesMin) running.kill('SIGKILL');
    });
    running.on('error', reject);
    running.on('close', (_code, signal) => {
      if (signal !== 'SIGKILL') reject(new Error(`the child ended by itself: ${signal}`));
      // The last line may be cut off: what it says was not said.
      else resolve(said.split('\n').slice(0, -1));
    });
  });
}

async function everything(store: QueueStore): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  let after: string | undefined;
  do {
    const page = await store.range({}, after === undefined ? { limit: 500 } : { limit: 500, after });
    for (const one of page.recipients) found.set(one.messageId, (found.get(one.messageId) ?? 0) + 1);
    after = page.next;
  } while (after !== undefined);
  return found;
}

it('loses nothing that was acknowledged, and forgets nothing that was done, over kill -9', async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  console.log(`queue-lmdb kill -9: SEED=${seed}`);
  const random = createSeededRandom(seed);
  const directory = await mkdtemp(join(tmpdir(), 'postroad-crash-'));
  const acknowledged = new Set<string>();
  const maybeDone = new Set<string>();
  const done = new Set<string>();
  for (let round = 0; round < rounds; round++) {
    const lines = await runAndKill(directory, round, 50 + Math.floor(random.number() * 600));
    for (const line of lines) {
      const [what, id] = line.split(' ') as [string, string];
      if (what === 'put') acknowledged.add(id);
      if (what === 'settling') maybeDone.add(id);
      if (what === 'done') done.add(id);
    }
    const store = await openLmdbQueueStore({ directory, log });
    const recovery = await store.start('check', 1_700_000_000_000);
    expect(recovery.quarantined).toEqual([]);
    const found = await everything(store);
    for (const id of acknowledged) {
      if (!maybeDone.has(id)) expect(found.get(id), `${id} was acknowledged`).toBe(2);
    }
    for (const id of done) expect(found.has(id), `${id} was done`).toBe(false);
    let recipients = 0;
    for (const [id, count] of found) {
      recipients += count;
      const message = await store.message(id);
      const body = await readBody(message?.body as never, 100_000);
      expect(body.toString()).toBe(`Subject: ${id}\r\n\r\n${id.repeat(50)}\r\n`);
    }
    // The counters are kept with every commit: they must agree with what is there.
    expect(await store.count()).toMatchObject({ messages: found.size, recipients });
    expect((await store.count()).byState.leased).toBe(0);
    await store.close();
    const files = await readdir(join(directory, 'bodies'));
    for (const id of files) expect(found.has(id), `the body of ${id} has a message`).toBe(true);
  }
  expect(acknowledged.size).toBeGreaterThan(100);
  await rm(directory, { recursive: true });
}, 120_000);
