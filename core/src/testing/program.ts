/** Outside programs for tests: started in a directory of their own, asked until they answer, ended by their process. */
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../services/system-clock.js';

/** What to start. */
export interface ProgramOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Asked again and again until it says yes; what it throws is a no. */
  isReady(): Promise<boolean>;
  /** How long it may take to be ready; a minute by default, for busy machines. */
  readonly readyMs?: number;
}

/** A running program. `await using` ends it. */
export interface Program extends AsyncDisposable {
  readonly pid: number;
  /** What it has written so far, the last 100,000 characters. */
  output(): string;
  /** Ends it and waits until it is gone. */
  stop(): Promise<void>;
}

/** Why a program of a Debian package can not be used here; `undefined` when it can. */
export function missingProgram(path: string, debianPackage: string): string | undefined {
  return existsSync(path) ? undefined : `skipped: ${path} is not there, install ${debianPackage}`;
}

/** Starts it in the foreground; rejects with what it wrote when it ends before it is ready. */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const { command, args, cwd, env } = options;
  const child = spawn(command, [...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let written = '';
  let isGone = false;
  const add = (chunk: Buffer) => {
    written = `${written}${chunk.toString()}`.slice(-100_000);
  };
  child.stdout.on('data', add);
  child.stderr.on('data', add);
  const gone = new Promise<void>((resolve) => {
    const end = () => {
      isGone = true;
      resolve();
    };
    child.once('exit', end);
    child.once('error', end);
  });
  const stop = async () => {
    if (!isGone) child.kill('SIGTERM');
    const late = systemClock.after(5_000, () => child.kill('SIGKILL'));
    await gone;
    late.cancel();
  };
  const until = systemClock.monotonic() + (options.readyMs ?? 60_000);
  while (!(await options.isReady().catch(() => false))) {
    if (isGone || systemClock.monotonic() > until) {
      await stop();
      throw new Error(`${command} is not ready:\n${written}`);
    }
    await systemClock.sleep(50);
  }
  return { pid: child.pid ?? 0, output: () => written, stop, [Symbol.asyncDispose]: stop };
}

// Systems give ports from 32768 on to connections that go out: a server that is stopped for a while would find its port
// taken by one of them.
const firstPort = 12_000;
const ephemeralPort = 32_768;

/** A port that was free a moment ago, for programs that can not choose one; no connection that goes out will get it. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(firstPort, ephemeralPort);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  return new Promise((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

/** A directory of its own, below one that programs trust when they do not trust the usual one. `await using` removes it. */
export async function temporaryDirectory(
  parent = tmpdir(),
): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(parent, 'postroad-test-'));
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }),
  };
}
