/** A server of several processes, as it is started by the command: what its TLS does is the same at each of them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connect, type SecureVersion } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { connectControl, ensureSelfSigned } from '@postroad/core';
import { afterEach, beforeEach, expect, it } from 'vitest';

const program = fileURLToPath(new URL('../../../core/bin/postroad.js', import.meta.url));
const plugin = fileURLToPath(new URL('../dist/index.js', import.meta.url));
const modules = fileURLToPath(new URL('../node_modules', import.meta.url));

/** Says which process it is. */
const whoPlugin = `
import { createMemoryQueueStore, definePlugin, QueueStore, reject } from '@postroad/core';
export const who = definePlugin({
  name: 'who',
  provides: [QueueStore],
  setup({ tap, provide }) {
    provide(QueueStore, createMemoryQueueStore());
    tap('connect', () => reject(554, '7.1', 'process ' + process.pid));
  },
});
`;
const config = (directory: string) => `
hostname: mx.test
workers: 2
control: { socket: run/control.sock }
log: { level: error }
drainMs: 1000
plugins:
  - use: "${plugin}#tlsAcme"
    directory: acme
    agreesToTerms: true
    checkMs: 50
    files: [{ certificateFile: ${join(directory, 'c.pem')}, keyFile: ${join(directory, 'k.pem')} }]
  - "./who.mjs#who"
listeners:
  - { name: relay, host: 127.0.0.1, port: 0, role: relay, tls: implicit }
`;

let directory: string;
let server: ChildProcess;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tls-workers-'));
  await symlink(modules, join(directory, 'node_modules'));
  await writeFile(join(directory, 'who.mjs'), whoPlugin);
  await writeFile(join(directory, 'postroad.config.yaml'), config(directory));
});
afterEach(async () => {
  const workers = workersOf();
  server.kill('SIGKILL');
  await once(server, 'exit');
  await expect
    .poll(() => workers.filter((pid) => existsSync(`/proc/${pid}`)), { timeout: 30_000 })
    .toEqual([]);
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
});

it('sessions go on at every worker, after a swap of the certificate, a reload, and the death of a worker', {
  timeout: 180_000,
}, async () => {
  await showPair('one');
  const port = await start();
  const first = await shown(port);
  const sessions = new Map<SecureVersion, Buffer>();
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const { session, isReused } = await talk(port, version);
    expect(isReused).toBe(false);
    sessions.set(version, session as Buffer);
  }
  /** Both workers take both sessions. */
  const goOn = async (): Promise<number[]> => {
    const processes = new Set<number>();
    for (const [version, session] of sessions) {
      const seen = new Set<number>();
      for (let times = 0; times < 20 && seen.size < 2; times++) {
        const { pid, isReused } = await talk(port, version, session);
        expect(isReused, `${version} at ${pid}`).toBe(true);
        seen.add(pid);
        processes.add(pid);
      }
      expect(seen.size).toBe(2);
    }
    return [...processes];
  };
  await goOn();

  await showPair('two');
  // Both have seen it.
  let swapped = 0;
  await expect
    .poll(async () => (swapped = (await shown(port)) === first ? 0 : swapped + 1), { timeout: 30_000 })
    .toBeGreaterThan(5);
  await goOn();

  const client = await connectControl(join(directory, 'run', 'control.sock'));
  expect(await client.call('reload', {})).toEqual({ reloaded: true });
  await client.close();
  const old = await goOn();
  const [dead = 0] = old;

  process.kill(dead, 'SIGKILL');
  // What is given to a worker that dies is answered by nobody: wait for the next one.
  const isReplaced = () => workersOf().length === 2 && !workersOf().includes(dead);
  await expect.poll(isReplaced, { timeout: 60_000 }).toBe(true);
  const asked = async () => old.includes((await talk(port, 'TLSv1.3')).pid);
  await expect.poll(asked, { timeout: 60_000 }).toBe(false);
  expect(await goOn()).not.toContain(dead);
});

async function showPair(name: string): Promise<void> {
  const made = await ensureSelfSigned(join(directory, name), 'mx.test', Date.now(), (file) =>
    readFile(file, 'utf8'),
  );
  for (const [from, to] of [
    [made.certificateFile, 'c.pem'],
    [made.keyFile, 'k.pem'],
  ] as const) {
    await copyFile(from, join(directory, 'new'));
    await rename(join(directory, 'new'), join(directory, to));
  }
}

async function start(): Promise<number> {
  const env = { PATH: process.env.PATH, HOME: directory };
  server = spawn(process.execPath, [program, 'start', '--json'], { cwd: directory, env, stdio: 'pipe' });
  let errors = '';
  server.stderr?.on('data', (chunk) => {
    errors += String(chunk);
  });
  const [line] = (await Promise.race([
    once(createInterface({ input: server.stdout as NodeJS.ReadableStream }), 'line'),
    once(server, 'exit').then(() => Promise.reject(new Error(errors))),
  ])) as [string];
  return (JSON.parse(line) as { listeners: { port: number }[] }).listeners[0]?.port ?? 0;
}

function workersOf(): number[] {
  const text = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

async function talk(port: number, version: SecureVersion, session?: Buffer) {
  const socket = connect({
    ...{ port, host: '127.0.0.1', servername: 'mx.test', rejectUnauthorized: false },
    ...{ minVersion: version, maxVersion: version },
    ...(session === undefined ? {} : { session }),
  });
  let given = session;
  let said = '';
  let isReused: boolean | undefined;
  let fingerprint = '';
  socket.on('session', (next: Buffer) => {
    given = next;
  });
  socket.once('secureConnect', () => {
    isReused = socket.isSessionReused();
    fingerprint = socket.getPeerX509Certificate()?.fingerprint256 ?? '';
  });
  socket.on('data', (chunk) => {
    said += chunk;
  });
  socket.on('error', () => undefined);
  socket.setTimeout(20_000, () => socket.destroy());
  await once(socket, 'close');
  return { session: given, isReused, pid: Number(/process (\d+)/.exec(said)?.[1]), fingerprint };
}

const shown = async (port: number): Promise<string> => (await talk(port, 'TLSv1.3')).fingerprint;
