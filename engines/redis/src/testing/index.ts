/** The second entry, `@postroad/redis/testing`: a Redis of its own for a test file. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@postroad/core';
import { freePort } from '@postroad/core/testing';

const program = ['/usr/bin/redis-server', '/usr/bin/valkey-server'].find((path) => existsSync(path));

/** Why there can be none here; `undefined` when there can. */
export const redisMissing =
  program === undefined ? 'Redis is not installed (Debian: redis-server)' : undefined;

/** A running server. */
export interface TestRedis {
  readonly url: string;
  /** Ends it at once. */
  kill(): Promise<void>;
  /** Lets it stand still, and go on. */
  pause(isPaused: boolean): void;
  /** Starts it again after `kill`; what it knew is gone. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a server on a port of its own. */
export async function startTestRedis(): Promise<TestRedis> {
  const directory = await mkdtemp(join(tmpdir(), 'postroad-redis-'));
  const port = await freePort();
  let child: ChildProcess | undefined;
  async function kill(): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child?.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }
  async function start(): Promise<void> {
    const flags = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', ''];
    const started = spawn(program ?? '', flags, { stdio: 'ignore' });
    child = started;
    for (let tries = 0; !(await answers(port)); tries++) {
      if (started.exitCode !== null || tries > 600) throw new Error('Redis does not start');
      await systemClock.sleep(25);
    }
  }
  await start();
  return {
    url: `redis://127.0.0.1:${port}/0`,
    kill,
    pause: (isPaused) => void child?.kill(isPaused ? 'SIGSTOP' : 'SIGCONT'),
    start,
    async stop() {
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
