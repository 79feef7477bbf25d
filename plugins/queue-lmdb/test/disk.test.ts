import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bodyFromBytes, type Logger, type QueueStore } from '@postroad/core';
import { createSeededRandom, createVirtualClock, sampleMessage } from '@postroad/core/testing';
import { openLmdbQueueStore } from '@postroad/queue-lmdb';
import { describe, expect, it } from 'vitest';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const services = { log, clock: createVirtualClock(), random: createSeededRandom(1) };
const lease = { owner: 'o', untilMs: 1_800_000_000_000 };
const child = join(import.meta.dirname, 'crash-child.mjs');

const whyNoMount = tryMount();
const whyNoCompiler =
  spawnSync('cc', ['--version'], { timeout: 20_000 }).error === undefined ? '' : 'SKIPPED, no C compiler: ';

/** Why no small file system can be made here; empty when one can. */
function tryMount(): string {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'SKIPPED, needs root on Linux: ';
  const directory = execFileSync('mktemp', ['-d'], { timeout: 20_000 }).toString().trim();
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory], {
    timeout: 20_000,
  });
  if (mounted.status === 0) execFileSync('umount', [directory], { timeout: 20_000 });
  execFileSync('rmdir', [directory], { timeout: 20_000 });
  return mounted.status === 0 ? '' : 'SKIPPED, mounts are not allowed: ';
}

async function onSmallDisk(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'postroad-full-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', directory], { timeout: 20_000 });
  try {
    await run(directory);
  } finally {
    execFileSync('umount', ['-l', directory], { timeout: 20_000 });
    await rm(directory, { recursive: true });
  }
}

async function fill(store: QueueStore, prefix: string, max: number): Promise<string[]> {
  const put: string[] = [];
  for (let at = 0; at < max; at++) {
    const id = `${prefix}${at}`;
    const body = bodyFromBytes(Buffer.from(`Subject: ${id}\r\n\r\n${'x'.repeat(20_000)}`));
    try {
      await store.put(sampleMessage(id, [{ to: 'bob@b.test' }], { body }), lease);
    } catch (error) {
      expect(error).toMatchObject({ code: 'E_QUEUE_STORE' });
      return put;
    }
    put.push(id);
  }
  return put;
}

describe('queue-lmdb on a failing disk', () => {
  it.skipIf(whyNoMount !== '')(
    `${whyNoMount}refuses when the file system is full, keeps what it has, and goes on when there is room`,
    () =>
      onSmallDisk(async (directory) => {
        const ballast = join(directory, 'ballast');
        await writeFile(ballast, Buffer.alloc(3_000_000));
        const store = await openLmdbQueueStore({ directory: join(directory, 'queue'), ...services });
        await store.start('o', 0);
        const before = await fill(store, 'a', 1000);
        expect(before.length).toBeGreaterThan(10);
        expect(before.length).toBeLessThan(1000);
        expect((await store.count()).messages).toBe(before.length);
        expect(await fill(store, 'b', 1000)).toEqual([]);
        await unlink(ballast);
        const after = await fill(store, 'c', 20);
        expect(after).toHaveLength(20);
        await store.settle('o', [{ messageId: after[0] as string, index: 0, to: 'done' }]);
        await store.close();
        const again = await openLmdbQueueStore({ directory: join(directory, 'queue'), ...services });
        expect((await again.start('p', 1)).quarantined).toEqual([]);
        for (const id of [...before, ...after.slice(1)]) {
          expect((await again.message(id))?.body.sizeBytes).toBeGreaterThan(20_000);
        }
        expect((await again.count()).messages).toBe(before.length + after.length - 1);
        await again.close();
      }),
    60_000,
  );

  it.skipIf(whyNoCompiler !== '')(
    `${whyNoCompiler}acknowledges nothing while syncs fail, and goes on after`,
    async () => {
      const directory = await mkdtemp(join(tmpdir(), 'postroad-sync-'));
      const library = join(directory, 'failing-sync.so');
      execFileSync(
        'cc',
        ['-shared', '-fPIC', '-o', library, join(import.meta.dirname, 'failing-sync.c'), '-ldl'],
        { timeout: 20_000 },
      );
      const flag = join(directory, 'fail');
      const queue = join(directory, 'queue');
      const acknowledged = await runWithFailingSync(queue, library, flag);
      const store = await openLmdbQueueStore({ directory: queue, ...services });
      expect((await store.start('check', 0)).quarantined).toEqual([]);
      for (const id of acknowledged.kept) expect(await store.message(id), id).toBeDefined();
      expect(acknowledged.whileFailing).toEqual([]);
      await store.close();
      await rm(directory, { recursive: true });
    },
    60_000,
  );
});

/** Lets the child work, fail for a while, and work again; then kills it. */
function runWithFailingSync(
  directory: string,
  library: string,
  flag: string,
): Promise<{ kept: ReadonlySet<string>; whileFailing: readonly string[] }> {
  const running = spawn(process.execPath, [child, directory, '0', 'failing'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, LD_PRELOAD: library, FAIL_SYNC: flag },
  });
  const kept = new Set<string>();
  const whileFailing: string[] = [];
  let phase: 'working' | 'failing' | 'recovered' = 'working';
  let count = 0;
  let rest = '';
  return new Promise((resolve, reject) => {
    running.on('error', reject);
    running.on('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve({ kept, whileFailing });
      else reject(new Error(`the child ended with ${code} in phase ${phase}`));
    });
    const hear = async (line: string): Promise<void> => {
      const [what, id] = line.split(' ') as [string, string];
      if (what === 'put') kept.add(id);
      if (what === 'settling') kept.delete(id);
      if (phase === 'working' && what === 'put' && ++count > 50) {
        phase = 'failing';
        count = 0;
        await writeFile(flag, '');
        return;
      }
      // What was on its way when syncs began to fail may still have been in time: only later ones count.
      if (phase === 'failing' && what === 'put' && count > 20) whileFailing.push(id);
      if (phase === 'failing' && what === 'failed' && ++count > 60) {
        phase = 'recovered';
        count = 0;
        await unlink(flag);
        return;
      }
      if (phase === 'recovered' && what === 'put' && ++count > 100) running.kill('SIGKILL');
    };
    running.stdout.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) hear(line).catch(reject);
    });
  });
}
