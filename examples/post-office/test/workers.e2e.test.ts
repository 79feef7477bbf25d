/** A post office over two workers: what one of them does, clients of the other see at once, and all of it is counted once. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { usersFile } from '@postroad/auth-file';
import { ImapFlow } from 'imapflow';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { freePort } from '../../testing/free-port.js';
import { openSmtp } from '../../testing/smtp-client.js';
import { type Program, startProgram } from '../../testing/start-program.js';

// A process starts in its own time, on a busy machine more so.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const root = fileURLToPath(new URL('../../../', import.meta.url));
const use = (name: string, what: string): string => `${root}plugins/${name}/dist/index.js#${what}`;
const bob = { login: 'bob@workers.test', password: 'builder' };
const plaintext = { host: '127.0.0.1', tls: 'starttls', plaintextAuth: true };

/** Mail for elsewhere waits in the queue of the worker that took it. */
const elsewhere = `
import { accept, definePlugin } from '@postroad/core';
export const elsewhere = definePlugin({
  name: 'elsewhere',
  setup({ tap }) {
    tap('recipient', (_transaction, { address }) => (address.domain === 'else.test' ? accept() : undefined));
    tap('route', (_envelope, { address }) => (address.domain === 'else.test' ? { transport: 'mx', domain: 'else.test' } : undefined));
    tap('deliver', ({ recipients, route }) => route.transport !== 'mx' ? undefined : ({
      outcomes: recipients.map(({ index }) => ({ index, status: 'deferred', reply: { code: 451, detail: '4.1', text: 'later' } })),
    }));
  },
});
`;

let directory: string;
let program: Program;
let ports: Readonly<Record<'smtp' | 'few' | 'imap' | 'metrics', number>>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'post-office-workers-'));
  await symlink(join(root, 'node_modules'), join(directory, 'node_modules'));
  await writeFile(join(directory, 'elsewhere.mjs'), elsewhere);
  const users = usersFile(join(directory, 'users'));
  await users.create();
  await users.add(bob);
  ports = {
    smtp: await freePort(),
    few: await freePort(),
    imap: await freePort(),
    metrics: await freePort(),
  };
  const relay = { host: '127.0.0.1', role: 'relay' };
  const config = {
    hostname: 'mx.workers.test',
    workers: 2,
    drainMs: 1_000,
    log: { level: 'error' },
    tls: { selfSignedDirectory: join(directory, 'tls') },
    plugins: [
      { use: use('queue-lmdb', 'queueLmdb'), directory: 'queue' },
      { use: use('store-lmdb', 'storeLmdb'), directory: 'store' },
      { use: use('auth-file', 'authFile'), file: 'users' },
      './elsewhere.mjs#elsewhere',
      { use: use('route-local', 'routeLocal'), domains: ['workers.test'] },
      { use: use('access-imap', 'accessImap'), listen: [{ ...plaintext, port: ports.imap }] },
      { use: use('observe-metrics', 'observeMetrics'), port: ports.metrics },
    ],
    listeners: [
      { ...relay, name: 'smtp', port: ports.smtp },
      { ...relay, name: 'few', port: ports.few, limits: { connectionsMax: 3 } },
    ],
  };
  await writeFile(join(directory, 'postroad.config.json'), JSON.stringify(config));
  program = startProgram(`${root}core/bin/postroad.js`, ['start'], { directory });
  await program.whenSaid(/2 workers/);
});
afterAll(async () => {
  await program?.end();
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
});

describe('two workers', () => {
  it('tell idling clients of both at once of what one of them files and changes', async () => {
    const before = socketsByWorker();
    const clients = await Promise.all(Array.from({ length: 4 }, openImap));
    // Otherwise one worker would have told only its own clients.
    for (const [pid, sockets] of socketsByWorker()) expect(sockets).toBeGreaterThan(before.get(pid) ?? 0);
    const arrivals = clients.map((client) => once(client, 'exists'));
    const idling = clients.map((client) => client.idle());
    await send('bob@workers.test', 'to all devices');
    for (const arrival of await Promise.all(arrivals)) expect(arrival).toMatchObject({ count: 1 });

    const [changing, ...others] = clients as [ImapFlow, ...ImapFlow[]];
    const flagged = others.map((client) => once(client, 'flags'));
    await changing.messageFlagsAdd('1', ['\\Flagged']);
    await Promise.all(flagged);
    const removed = others.map((client) => once(client, 'expunge'));
    await changing.messageDelete('1');
    await Promise.all(removed);
    await Promise.all(clients.map((client) => client.logout()));
    await Promise.all(idling);
  });

  it('tell the metrics of both, whichever is asked, and what waits in both parts of the queue', async () => {
    await Promise.all(Array.from({ length: 6 }, (_, at) => send('carol@else.test', `waits ${at}`)));
    const shards = readdirSync(join(directory, 'queue')).filter((name) => name.startsWith('shard-'));
    expect(shards.length).toBeGreaterThan(0);
    for (const wanted of [
      /^postroad_queue_messages 6$/m,
      /^postroad_queue_recipients\{state="waiting"\} 6$/m,
      /^postroad_receive_messages_total\{[^}]*listener="smtp"[^}]*\} 7$/m,
    ]) {
      // Workers tell one another each second; several times in a row both of them are asked.
      const asked = async (): Promise<boolean> => {
        const pages = await Promise.all(Array.from({ length: 4 }, metrics));
        return pages.every((page) => wanted.test(page));
      };
      await expect.poll(asked, { timeout: 60_000, message: await metrics() }).toBe(true);
    }
  });

  it('count connections together', async () => {
    const opened: Socket[] = [];
    try {
      for (let at = 0; at < 3; at++) expect(await greeting(opened)).toMatch(/^220 /);
      // Whichever worker it comes to; how many the other has is told to it by message.
      await expect.poll(() => greeting(opened, true), { timeout: 60_000 }).toMatch(/^421 /);
      opened.shift()?.destroy();
      await expect.poll(() => greeting(opened, true), { timeout: 60_000 }).toMatch(/^220 /);
    } finally {
      for (const socket of opened) socket.destroy();
    }
  });
});

async function send(to: string, subject: string): Promise<void> {
  const client = await openSmtp(ports.smtp);
  for (const line of ['EHLO client.test', 'MAIL FROM:<alice@example.org>', `RCPT TO:<${to}>`]) {
    expect(await client.say(line)).toMatch(/^250/);
  }
  expect(await client.say('DATA')).toMatch(/^354/);
  expect(await client.say(`Subject: ${subject}\r\n\r\nhello\r\n.`)).toMatch(/^250/);
  await client.say('QUIT');
  client.close();
}

async function openImap(): Promise<ImapFlow> {
  const client = new ImapFlow({
    host: '127.0.0.1',
    port: ports.imap,
    secure: false,
    tls: { rejectUnauthorized: false },
    auth: { user: bob.login, pass: bob.password },
    logger: false,
  });
  await client.connect();
  await client.mailboxOpen('INBOX');
  return client;
}

function once(client: ImapFlow, event: 'exists' | 'flags' | 'expunge'): Promise<unknown> {
  return new Promise((resolve) => client.once(event, resolve));
}

async function metrics(): Promise<string> {
  // A connection of its own each time, so that the workers answer in turns.
  const response = await fetch(`http://127.0.0.1:${ports.metrics}/metrics`, {
    headers: { Connection: 'close' },
  });
  return await response.text();
}

/** The first line that a connection hears; `isBrief` closes it again. */
async function greeting(opened: Socket[], isBrief = false): Promise<string> {
  const socket = connect(ports.few, '127.0.0.1');
  const line = await new Promise<string>((resolve, reject) => {
    socket.once('data', (chunk) => resolve(String(chunk)));
    socket.once('error', reject);
  });
  if (isBrief) socket.destroy();
  else opened.push(socket);
  return line;
}

/** How many sockets each worker has open. */
function socketsByWorker(): ReadonlyMap<number, number> {
  const text = readFileSync(`/proc/${program.pid}/task/${program.pid}/children`, 'utf8').trim();
  const pids = text.split(' ').map(Number);
  expect(pids).toHaveLength(2);
  return new Map(pids.map((pid) => [pid, socketsOf(pid)]));
}

function socketsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:');
    } catch {
      return false; // Closed meanwhile.
    }
  }).length;
}
