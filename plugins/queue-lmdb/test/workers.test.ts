/** A server of several processes, as it is started by the command. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { connectControl } from '@postroad/core';
import { afterEach, beforeEach, expect, it } from 'vitest';

const timeoutMs = 120_000;
const program = fileURLToPath(new URL('../../../core/bin/postroad.js', import.meta.url));
const queue = fileURLToPath(new URL('../dist/index.js', import.meta.url));
const modules = fileURLToPath(new URL('../node_modules', import.meta.url));

const plugin = `
import { accept, Counters, definePlugin, reject } from '@postroad/core';

export const nowhere = definePlugin({
  name: 'nowhere',
  needs: { counters: Counters },
  setup({ services, tap }) {
    tap('recipient', async (_transaction, { address }) =>
      address.localPart === 'count' ? reject(550, '1.1', 'number ' + (await services.counters.add('nowhere:n', 1, 60_000))) : accept());
    tap('route', (_envelope, { address }) => ({ transport: 'mx', domain: address.domain }));
    tap('deliver', ({ recipients }) => ({
      outcomes: recipients.map(({ index }) => ({ index, status: 'deferred', reply: { code: 451, detail: '4.1', text: 'later' } })),
    }));
  },
});
`;

const config = (workers: number): string => `
hostname: mx.example.org
workers: ${workers}
control: { socket: run/control.sock }
log: { level: error }
drainMs: 2000
plugins:
  - { use: "${queue}#queueLmdb", directory: queue }
  - "./nowhere.mjs#nowhere"
listeners:
  - { name: relay, host: 127.0.0.1, port: 0, role: relay }
`;

let directory: string;
let server: ChildProcess | undefined;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postroad-workers-'));
  await symlink(modules, join(directory, 'node_modules'));
  await writeFile(join(directory, 'nowhere.mjs'), plugin);
});
afterEach(async () => {
  if (server !== undefined && server.exitCode === null && server.signalCode === null) {
    // Its workers end when it is gone.
    const workers = workersOf(server);
    server.kill('SIGKILL');
    await once(server, 'exit');
    await expect
      .poll(() => workers.filter((pid) => existsSync(`/proc/${pid}`)), { timeout: 30_000 })
      .toEqual([]);
  }
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
});

it(
  'takes mail with all workers, counts together, replaces one that dies, and loses nothing',
  async () => {
    const port = await start(2);
    await Promise.all(Array.from({ length: 8 }, (_, at) => send(port, `m${at}`)));
    expect(await command('queue.count', { filter: {} })).toMatchObject({ messages: 8, recipients: 8 });
    expect(existsSync(join(directory, 'queue', 'shard-1'))).toBe(true);
    const numbers: number[] = [];
    for (let at = 0; at < 4; at++) numbers.push(await countOnce(port));
    expect(numbers).toEqual([1, 2, 3, 4]);

    const before = workersOf(server as ChildProcess);
    expect(before).toHaveLength(2);
    process.kill(before[0] as number, 'SIGKILL');
    const isReplaced = () => {
      const now = workersOf(server as ChildProcess);
      return now.length === 2 && !now.includes(before[0] as number);
    };
    await expect.poll(isReplaced, { timeout: 60_000 }).toBe(true);
    const counted = () => command('queue.count', { filter: {} });
    await expect.poll(counted, { timeout: 60_000 }).toMatchObject({ messages: 8, recipients: 8 });
    await send(port, 'after');
    expect(await counted()).toMatchObject({ messages: 9 });

    expect(await command('reload', {})).toEqual({ reloaded: true });
    expect(await counted()).toMatchObject({ messages: 9 });
    await stop();

    // One process works what both have left.
    await start(1);
    expect(await counted()).toMatchObject({ messages: 9, recipients: 9 });
    await stop();
  },
  timeoutMs,
);

it(
  'does not start when a worker can not',
  async () => {
    await writeFile(join(directory, 'queue'), 'this is no directory');
    await expect(start(2)).rejects.toThrow(/queue/);
  },
  timeoutMs,
);

async function start(workers: number): Promise<number> {
  await writeFile(join(directory, 'postroad.config.yaml'), config(workers));
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

async function stop(): Promise<void> {
  const ended = once(server as ChildProcess, 'exit');
  await command('stop', {});
  expect((await ended)[0]).toBe(0);
}

async function command(name: string, given: Record<string, unknown>): Promise<unknown> {
  const client = await connectControl(join(directory, 'run', 'control.sock'));
  try {
    return await client.call(name, given);
  } finally {
    await client.close();
  }
}

function workersOf({ pid }: ChildProcess): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

async function talk(port: number, lines: readonly string[]): Promise<readonly string[]> {
  const socket = connect(port, '127.0.0.1');
  const replies: string[] = [];
  const reading = createInterface({ input: socket })[Symbol.asyncIterator]();
  const reply = async (): Promise<void> => {
    for (;;) {
      const { value = '221 gone', done } = (await reading.next()) as IteratorResult<string, undefined>;
      replies.push(value);
      if (done === true || value[3] !== '-') return;
    }
  };
  await reply();
  for (const line of lines) {
    socket.write(`${line}\r\n`);
    await reply();
  }
  socket.destroy();
  return replies;
}

async function send(port: number, subject: string): Promise<void> {
  const replies = await talk(port, [
    'EHLO client.test',
    'MAIL FROM:<alice@example.com>',
    'RCPT TO:<bob@example.net>',
    'DATA',
    `Subject: ${subject}\r\n\r\nhello\r\n.`,
  ]);
  expect(replies.at(-1)).toMatch(/^250 /);
}

async function countOnce(port: number): Promise<number> {
  const replies = await talk(port, [
    'EHLO client.test',
    'MAIL FROM:<a@example.com>',
    'RCPT TO:<count@example.net>',
  ]);
  return Number(/number (\d+)/.exec(replies.at(-1) ?? '')?.[1]);
}
