/** A server that may open few files and has little memory is flooded, runs out of both, and goes on. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const built = new URL('../../dist/index.js', import.meta.url).href;

/**
 * The server: all mail is taken and waits; `eat` opens files until there are no more, `release` closes them; `fill` and
 * `empty` do so with the heap, up to nine tenths of it.
 */
const program = `
import { closeSync, openSync } from 'node:fs';
import { getHeapStatistics } from 'node:v8';
import { accept, createMta, definePlugin, queueMemory } from '${built}';
const take = definePlugin({ name: 'take', setup({ tap }) {
  tap('recipient', () => accept());
  tap('route', (_envelope, _recipient, signal) => new Promise((_, no) => signal.addEventListener('abort', no)));
} });
const say = (level) => (event, fields) => process.send({ level, event, error: String(fields?.error?.cause ?? '') });
const log = { debug() {}, info: say('info'), warn: say('warn'), error: say('error'), child: () => log };
const mta = createMta({ hostname: 'mx.test', drainMs: 0, plugins: [queueMemory(), take()],
  listeners: [{ name: 'relay', host: '127.0.0.1', port: 0, role: 'relay' }] }, { log });
await mta.start();
const eaten = [];
let filled = [];
const isFull = () => getHeapStatistics().used_heap_size > 0.9 * 128 * 1_048_576;
process.on('message', (order) => {
  if (order === 'eat') try { for (;;) eaten.push(openSync('/dev/null')); } catch {}
  for (const file of order === 'release' ? eaten.splice(0) : []) closeSync(file);
  while (order === 'fill' && !isFull()) filled.push(new Array(100_000).fill(0.5));
  if (order === 'empty') { filled = []; gc(); }
  process.send({ event: order, files: eaten.length });
});
process.on('disconnect', () => process.exit());
process.send({ event: 'ready', port: mta.listeners[0].port });
`;

interface Said {
  readonly event: string;
  readonly level?: string;
  readonly error?: string;
  readonly port?: number;
}

const sockets: Socket[] = [];
const said: Said[] = [];
let child: ChildProcess;
let port = 0;

function whenSaid(event: string): Promise<Said> {
  return new Promise((resolve) => {
    const look = (message: unknown) => {
      if ((message as Said).event !== event) return;
      child.off('message', look);
      resolve(message as Said);
    };
    child.on('message', look);
  });
}

async function order(what: 'eat' | 'release' | 'fill' | 'empty'): Promise<void> {
  const done = whenSaid(what);
  child.send(what);
  await done;
}

/** A connection and what has been said on it; `closed` once it is gone. */
function open() {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  const client = { socket, text: '', isClosed: false };
  socket.on('data', (chunk) => {
    client.text += chunk.toString();
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    client.isClosed = true;
  });
  return client;
}

type Client = ReturnType<typeof open>;
const limits = { timeout: 30_000 };

/** Says it and resolves with the last line of what came after it. */
async function say(client: Client, octets: string): Promise<string> {
  client.text = '';
  client.socket.write(octets);
  await expect.poll(() => client.text, limits).toMatch(/^(?:\d{3}-.*\r\n)*\d{3} .*\r\n$/);
  return client.text.trimEnd().split('\r\n').at(-1) ?? '';
}

/** Sends a message that needs a file; resolves with the answer to it. */
async function send(client: Client): Promise<string> {
  await say(client, 'EHLO client.test\r\n');
  await say(client, 'MAIL FROM:<a@b.test>\r\n');
  await say(client, 'RCPT TO:<c@d.test>\r\n');
  await say(client, 'DATA\r\n');
  return say(client, `Subject: x\r\n\r\n${'0123456789\r\n'.repeat(20_000)}.\r\n`);
}

const missing = process.platform === 'win32' ? 'there is no ulimit' : undefined;

describe.skipIf(missing !== undefined)(`with 256 files and 128 MB (${missing ?? 'here'})`, () => {
  beforeAll(async () => {
    child = spawn(
      'sh',
      [
        '-c',
        'ulimit -n 256 && exec "$0" "$@"',
        process.execPath,
        '--max-old-space-size=128',
        '--expose-gc',
        '--input-type=module',
        '-e',
        program,
      ],
      { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], cwd: fileURLToPath(new URL('.', import.meta.url)) },
    );
    child.on('message', (message) => said.push(message as Said));
    port = (await whenSaid('ready')).port ?? 0;
  }, 60_000);
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    const gone = once(child, 'exit');
    child.disconnect();
    await gone;
  });

  it('turns away who is too many, and works for the others', async () => {
    const clients = Array.from({ length: 250 }, open);
    await expect.poll(() => clients.every(({ text }) => text !== ''), limits).toBe(true);
    const greeted = clients.filter(({ text }) => text.startsWith('220 '));
    expect(greeted.length).toBe(204);
    expect(clients.filter(({ text }) => text.startsWith('421 4.3.2 '))).toHaveLength(46);
    expect(await send(greeted[0] as Client)).toMatch(/^250 /);
    for (const { socket } of clients) socket.destroy();
  }, 60_000);

  it('without a single one left puts messages off, says so, and recovers', async () => {
    let client = open();
    // Those of before may not all be gone yet.
    await expect
      .poll(() => {
        if (client.text.startsWith('421 ') || client.isClosed) client = open();
        return client.text;
      }, limits)
      .toMatch(/^220 /);
    await order('eat');
    expect(await send(client)).toMatch(/^452 4\.3\.1 /);
    expect(said).toContainEqual(
      expect.objectContaining({ level: 'error', error: expect.stringContaining('EMFILE') }),
    );
    // A connection can't be taken: it is closed at once, rather than left to wait.
    const late = open();
    await expect.poll(() => late.isClosed, limits).toBe(true);
    expect(await say(client, 'NOOP\r\n')).toMatch(/^250 /);
    await order('release');
    expect(await send(client)).toMatch(/^250 /);
    const next = open();
    await expect.poll(() => next.text, limits).toMatch(/^220 /);
    expect(await send(next)).toMatch(/^250 /);
  }, 60_000);

  it('with hardly any memory left puts off what is new, and recovers', async () => {
    const client = open();
    await expect.poll(() => client.text, limits).toMatch(/^220 /);
    await say(client, 'EHLO client.test\r\n');
    await order('fill');
    const begin = async () => {
      await say(client, 'RSET\r\n');
      return say(client, 'MAIL FROM:<a@b.test>\r\n');
    };
    // What was seen of the memory is good for a moment.
    await expect.poll(begin, limits).toMatch(/^452 4\.3\.1 /);
    const late = open();
    await expect.poll(() => late.text, limits).toMatch(/^421 4\.3\.2 /);
    await order('empty');
    await expect.poll(begin, limits).toMatch(/^250 /);
    const next = open();
    await expect.poll(() => next.text, limits).toMatch(/^220 /);
    expect(await send(next)).toMatch(/^250 /);
  }, 60_000);
});
