import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Logger, type QueueStore, type Random, readBody } from '@postroad/core';
import { createSeededRandom, createVirtualClock } from '@postroad/core/testing';
import { openLmdbQueueStore } from '@postroad/queue-lmdb';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CrashPoint } from '../src/journal/journal.js';
import { type LightChild, makeLightChild } from './light-child.js';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const services = { log, clock: createVirtualClock(), random: createSeededRandom(1) };
let child: LightChild;
beforeAll(async () => {
  child = await makeLightChild();
});
afterAll(() => child[Symbol.asyncDispose]());
const whyNoCompiler =
  spawnSync('cc', ['--version'], { timeout: 20_000 }).error === undefined ? '' : 'SKIPPED, no C compiler: ';
// A few each time; `CRASH_ROUNDS=100` for the thorough run.
const rounds = Number(process.env.CRASH_ROUNDS ?? 2);
/** Deaths at each of the named points. */
const deaths = Number(process.env.CRASH_ROUNDS ?? 5);
const timeoutMs = Math.max(300_000, deaths * 60_000);

/** Runs the child until it has been killed with SIGKILL, by us or by itself; gives the lines that it said. */
function runAndKill(
  directory: string,
  round: number,
  linesMin: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const running = spawn(process.execPath, [child.file, directory, String(round)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...environment },
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

/** What the children were promised, and whether the disk still holds it. */
function createWitness(directory: string) {
  const acknowledged = new Set<string>();
  const maybeDone = new Set<string>();
  const done = new Set<string>();
  const died = new Set<string>();
  return {
    acknowledged,
    died,
    hear(lines: readonly string[]): void {
      for (const line of lines) {
        const [what, id] = line.split(' ') as [string, string];
        if (what === 'put') acknowledged.add(id);
        if (what === 'settling') maybeDone.add(id);
        if (what === 'done') done.add(id);
        if (what === 'died') died.add(id);
      }
    },
    async check(): Promise<void> {
      const store = await openLmdbQueueStore({ directory, ...services });
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
    },
  };
}

function seeded(what: string) {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  console.log(`queue-lmdb ${what}: SEED=${seed}`);
  return createSeededRandom(seed);
}

it(
  'loses nothing that was acknowledged, and forgets nothing that was done, over kill -9',
  async () => {
    const random = seeded('kill -9');
    const directory = await mkdtemp(join(tmpdir(), 'postroad-crash-'));
    const witness = createWitness(directory);
    for (let round = 0; round < rounds; round++) {
      witness.hear(await runAndKill(directory, round, 50 + Math.floor(random.number() * 600)));
      await witness.check();
    }
    expect(witness.acknowledged.size).toBeGreaterThan(20);
    await rm(directory, { recursive: true });
  },
  timeoutMs,
);

it.skipIf(whyNoCompiler !== '')(
  `${whyNoCompiler}loses nothing when it dies before or after any call that changes the disk`,
  async () => {
    const random = seeded('crash points');
    const directory = await mkdtemp(join(tmpdir(), 'postroad-crash-'));
    const library = join(directory, 'failing-sync.so');
    const source = join(import.meta.dirname, 'failing-sync.c');
    execFileSync('cc', ['-shared', '-fPIC', '-o', library, source, '-ldl'], { timeout: 20_000 });
    const queue = join(directory, 'queue');
    const witness = createWitness(queue);
    for (let round = 0; round < rounds; round++) {
      // The first few calls make the databases; later ones are commits, bodies and their removal.
      const at = 1 + Math.floor(random.number() ** 2 * 800);
      const environment = { LD_PRELOAD: library, KILL_AT: String(at) };
      witness.hear(await runAndKill(queue, round, 100_000, environment));
      await witness.check();
    }
    await rm(directory, { recursive: true });
  },
  timeoutMs,
);

/** The points, and how often a child may pass each at most before it dies there. */
const crashPoints: Record<Parameters<CrashPoint>[0], number> = {
  'body-written': 30,
  'journal-written': 60,
  'journal-synced': 60,
  'segment-begun': 4,
  'segment-freed': 2,
  'checkpoint-begun': 5,
  'checkpoint-part': 5,
  'checkpoint-done': 5,
  'recovery-read': 1,
  'recovery-done': 1,
};

it(
  'loses nothing when it dies at any of the named points',
  async () => {
    const random = seeded('named points');
    // Two at a time: most of it is waiting for processes to start.
    const left = Object.entries(crashPoints);
    const next = async (): Promise<void> => {
      for (let point = left.pop(); point !== undefined; point = left.pop())
        await dieAt(point[0], point[1], random);
    };
    await Promise.all([next(), next()]);
  },
  timeoutMs,
);

/** So many deaths at one point, in one directory: each start finds what the death before has left. */
async function dieAt(name: string, timesMax: number, random: Random): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'postroad-crash-'));
  const witness = createWitness(directory);
  for (let round = 0; round < deaths; round++) {
    // A recovery that died before leaves the next one the same; each second one finds new work too.
    const isFresh = name.startsWith('recovery') && round % 2 === 0;
    if (isFresh) witness.hear(await runAndKill(directory, 2 * round, 100));
    const at = 1 + Math.floor(random.number() * timesMax);
    const environment = { CRASH_POINT: name, CRASH_AT: String(at) };
    witness.hear(await runAndKill(directory, 2 * round + 1, 100_000, environment));
    expect([...witness.died]).toEqual([name]);
    await witness.check();
  }
  await rm(directory, { recursive: true });
}
