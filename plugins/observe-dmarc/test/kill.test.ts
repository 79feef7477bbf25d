/** A server that is killed has lost none of what it had told the disk, and counts nothing twice. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { sendMessage } from '@postroad/core/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DayFiles } from '../src/day-files.js';

const program = fileURLToPath(new URL('../../../core/bin/postroad.js', import.meta.url));
const plugin = fileURLToPath(new URL('../dist/index.js', import.meta.url));
const modules = fileURLToPath(new URL('../node_modules', import.meta.url));

/** Says of every message what a check would, and refuses it. */
const checkPlugin = `
import { accept, createMemoryQueueStore, definePlugin, messageAuthentication, QueueStore, reject } from '@postroad/core';
export const check = definePlugin({
  name: 'check',
  provides: [QueueStore],
  setup({ tap, provide }) {
    provide(QueueStore, createMemoryQueueStore());
    tap('recipient', () => accept());
    tap('inspect', ({ transaction }) => {
      transaction.set(messageAuthentication, {
        dkim: [],
        results: [],
        dmarc: {
          result: 'fail',
          domain: 'example.org',
          organizationalDomain: 'example.org',
          policy: 'reject',
          isSpfAligned: false,
          isDkimAligned: false,
          record: { domain: 'example.org', tags: { p: 'reject', rua: 'mailto:d@example.org' } },
        },
      });
      return undefined;
    });
    tap('message', () => reject(550, '7.1', 'no'));
  },
});
`;
const config = `
hostname: mx.test
log: { level: error }
plugins:
  - { use: "${plugin}#observeDmarc", directory: dmarc, address: dmarc@mx.test, sends: false }
  - "./check.mjs#check"
listeners:
  - { name: relay, host: 127.0.0.1, port: 0, role: relay }
`;

let directory: string;
let server: ChildProcess | undefined;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dmarc-kill-'));
  await symlink(modules, join(directory, 'node_modules'));
  await writeFile(join(directory, 'check.mjs'), checkPlugin);
  await writeFile(join(directory, 'postroad.config.yaml'), config);
});
afterEach(async () => {
  await kill();
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
});

async function start(): Promise<number> {
  const env = { PATH: process.env.PATH, HOME: directory };
  const child = spawn(process.execPath, [program, 'start', '--json'], { cwd: directory, env, stdio: 'pipe' });
  server = child;
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += String(chunk);
  });
  const [line] = (await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    once(child, 'exit').then(() => Promise.reject(new Error(errors))),
  ])) as [string];
  return (JSON.parse(line) as { listeners: { port: number }[] }).listeners[0]?.port ?? 0;
}

async function kill(): Promise<void> {
  if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
  const ended = once(server, 'exit');
  server.kill('SIGKILL');
  await ended;
}

async function counted(): Promise<number> {
  const files = new DayFiles(join(directory, 'dmarc', 'gathered'), 1_000);
  let sum = 0;
  for (const day of await files.days()) for (const { count } of await files.read(day)) sum += count;
  return sum;
}

test('what was written down outlives kill -9, and a line that was cut off spoils no other', {
  timeout: 180_000,
}, async () => {
  let sent = 0;
  for (const round of [3, 2]) {
    const port = await start();
    for (let at = 0; at < round; at++) {
      const { outcome } = await sendMessage({
        ...{ port, from: 'a@evil.example', to: ['b@example.net'] },
        content: 'From: a@example.org\r\n\r\nx\r\n',
      });
      expect(outcome).toMatch(/^550 /);
      sent += 1;
    }
    await expect.poll(counted, { timeout: 30_000 }).toBe(sent);
    await kill();
    expect(await counted()).toBe(sent);
    // As if it had died while it wrote.
    const [day] = await new DayFiles(join(directory, 'dmarc', 'gathered'), 1).days();
    await appendFile(join(directory, 'dmarc', 'gathered', `${day}.jsonl`), '{"row":{"policy":{"dom');
  }
});
