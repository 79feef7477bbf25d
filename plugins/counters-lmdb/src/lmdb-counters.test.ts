import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accept, Counters, definePlugin } from '@postroad/core';
import { countersContract, createVirtualClock, startTestMta } from '@postroad/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { countersLmdb } from './counters-lmdb.js';
import { type OpenLmdbCounters, openLmdbCounters } from './lmdb-counters.js';

const hourMs = 3_600_000;
const clock = createVirtualClock();
const open = (directory: string, entriesMax = 1_000_000): Promise<OpenLmdbCounters> =>
  openLmdbCounters({ directory, clock, entriesMax });

describe('counters-lmdb', () => {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'postroad-counters-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  countersContract('lmdb', async () => {
    const own = await mkdtemp(join(tmpdir(), 'postroad-counters-'));
    const opened = await open(own);
    return {
      counters: opened.counters,
      pass: (durationMs) => clock.advance(durationMs),
      async close() {
        await opened.close();
        await rm(own, { recursive: true, force: true });
      },
    };
  });

  it('knows after a restart what it knew before, limits that are used up included', async () => {
    const rate = { units: 1, perMs: hourMs };
    const before = await open(directory);
    await before.counters.set('word', 'één', hourMs);
    await before.counters.add('sum', 2.5, hourMs);
    await before.counters.take('limit', rate);
    await before.counters.set('over', 'x', 1_000);
    await before.close();
    await clock.advance(60_000);
    const after = await open(directory);
    expect(await after.counters.get('word')).toBe('één');
    expect(await after.counters.add('sum', 1, hourMs)).toBe(3.5);
    expect(await after.counters.take('limit', rate)).toEqual({
      isAllowed: false,
      retryAfterMs: hourMs - 60_000,
    });
    expect(await after.counters.get('over')).toBeUndefined();
    await after.close();
  });

  it('forgets what is over, and what ends soonest when there is too much', async () => {
    const { counters, size, close } = await open(directory, 1_000);
    await counters.set('keep', 'x', 100 * hourMs);
    await Promise.all(Array.from({ length: 3_000 }, (_, at) => counters.set(`short:${at}`, 'x', hourMs)));
    expect(size()).toBeLessThanOrEqual(1_000 + 256);
    expect(await counters.get('keep')).toBe('x');
    await clock.advance(2 * hourMs);
    await Promise.all(Array.from({ length: 512 }, (_, at) => counters.set(`new:${at}`, 'x', hourMs)));
    expect(size()).toBeLessThanOrEqual(1 + 512);
    expect(await counters.get('new:511')).toBe('x');
    await close();
  });

  it('a clock that was set back makes nobody wait longer than a full burst takes', async () => {
    const late = createVirtualClock();
    await late.advance(1_000 * hourMs);
    const rate = { units: 1, perMs: hourMs };
    const ahead = await openLmdbCounters({ directory, clock: late, entriesMax: 1_000 });
    await ahead.counters.take('limit', rate);
    await ahead.close();
    const behind = await open(directory);
    const { retryAfterMs } = await behind.counters.take('limit', rate);
    expect(retryAfterMs).toBeGreaterThan(0);
    expect(retryAfterMs).toBeLessThanOrEqual(hourMs);
    await behind.close();
  });

  it('another process counts with it, and one that is killed loses nothing that was answered', async () => {
    const entry = new URL('./index.js', import.meta.url).href.replace('/src/', '/dist/');
    const program = join(directory, 'other.mjs');
    await writeFile(
      program,
      `const { openLmdbCounters } = await import(${JSON.stringify(entry)});
      const clock = { now: () => ${clock.now()} };
      const { counters } = await openLmdbCounters({ directory: process.argv[2], clock, entriesMax: 1000 });
      for (let at = 0; at < 100; at++) await counters.add('both', 1, ${hourMs});
      process.stdout.write('done');
      setInterval(() => undefined, 1000);`,
    );
    const own = await open(directory);
    const child = spawn(process.execPath, [program, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const done = new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', () => reject(new Error('the other process ended early')));
    });
    for (let at = 0; at < 100; at++) await own.counters.add('both', 1, hourMs);
    await done;
    child.kill('SIGKILL');
    await ended;
    expect(await own.counters.add('both', 0, hourMs)).toBe(200);
    await own.close();
  });

  it('refuses a place where it can keep nothing', async () => {
    await writeFile(join(directory, 'file'), '');
    await expect(open(join(directory, 'file'))).rejects.toMatchObject({ code: 'E_COUNTERS' });
  });

  it('is what the plugins of a server count with', async () => {
    const seen: (string | undefined)[] = [];
    const count = definePlugin({
      name: 'test-count',
      needs: { counters: Counters },
      setup({ services, tap, onStart }) {
        onStart(async () => {
          seen.push(await services.counters.get('test:starts'));
          await services.counters.add('test:starts', 1, hourMs);
        });
        tap('recipient', () => accept());
      },
    });
    for (let start = 0; start < 2; start++) {
      await using _server = await startTestMta({ plugins: [countersLmdb({ directory }), count()] });
    }
    expect(seen).toEqual([undefined, '1']);
  });
});
