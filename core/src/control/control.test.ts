import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MailError } from '../errors.js';
import { createLogger } from '../services/pino-logger.js';
import { connectControl } from './client.js';
import { type ControlHandler, controlLimits } from './protocol.js';
import { type ControlServer, createControlServer } from './server.js';

let directory: string;
let path: string;
const servers: ControlServer[] = [];
const log = createLogger('silent');

async function serve(handlers: Readonly<Record<string, ControlHandler>>): Promise<ControlServer> {
  const server = await createControlServer({ socket: path, handlers, log });
  servers.push(server);
  return server;
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postroad-control-'));
  path = join(directory, 'run', 'control.sock');
});

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
  await rm(directory, { recursive: true, force: true });
});

describe('the socket', () => {
  it('is for its user alone, as is a directory that had to be made, and leaves nothing else behind', async () => {
    const server = await serve({});
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(directory, 'run'))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(directory, 'run'))).toEqual(['control.sock']);
    await server.close();
    servers.length = 0;
    expect(await readdir(join(directory, 'run'))).toEqual([]);
  });

  it('is refused when a live server has it', async () => {
    await serve({ ping: () => 'first' });
    await expect(createControlServer({ socket: path, handlers: {}, log })).rejects.toMatchObject({
      code: 'E_CONTROL',
      message: expect.stringContaining('another server is running'),
    });
    const client = await connectControl(path);
    expect(await client.call('ping')).toBe('first');
    client.close();
    expect(await readdir(join(directory, 'run'))).toEqual(['control.sock']);
  });

  it('is replaced when it is of a process that was killed', async () => {
    const code = `import('node:net').then(({ createServer }) => createServer().listen(process.argv[1], () => console.log('up')))`;
    path = join(directory, 'control.sock');
    const child = spawn(process.execPath, ['-e', code, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect((await stat(path)).isSocket()).toBe(true);
    await serve({ ping: () => 'second' });
    const client = await connectControl(path);
    expect(await client.call('ping')).toBe('second');
    client.close();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('is won by one of many that start at once over a dead one', async () => {
    path = join(directory, 'control.sock');
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen(join(directory, 'dead'), resolve));
    await import('node:fs/promises').then(({ link }) => link(join(directory, 'dead'), path));
    await new Promise((resolve) => dead.close(resolve));
    const started = await Promise.allSettled(Array.from({ length: 8 }, () => serve({})));
    const winners = started.filter((one) => one.status === 'fulfilled');
    expect(winners).toHaveLength(1);
    const client = await connectControl(path);
    client.close();
    expect(await readdir(directory)).toEqual(['control.sock']);
  });

  it('never replaces a file that is no socket', async () => {
    path = join(directory, 'precious');
    await writeFile(path, 'letters');
    await expect(serve({})).rejects.toThrow(/is no socket/);
    expect((await stat(path)).size).toBe(7);
    expect(await readdir(directory)).toEqual(['precious']);
  });

  it('has a path that the system can take', async () => {
    path = join(directory, 'x'.repeat(100));
    await expect(serve({})).rejects.toThrow(/too long/);
  });

  it('tells who finds nobody there', async () => {
    await expect(connectControl(path)).rejects.toMatchObject({
      code: 'E_CONTROL',
      message: /no server is running/,
    });
  });

  it.skipIf(process.getuid?.() === 0)('tells who may not open it (root may)', async () => {
    await serve({});
    await chmod(path, 0);
    await expect(connectControl(path)).rejects.toThrow(/belongs to another user/);
  });
});

describe('a command', () => {
  it('gets its result, also many at once, in their order', async () => {
    await serve({ double: ({ value }) => Number(value) * 2 });
    const client = await connectControl(path);
    const asked = Array.from({ length: 20 }, (_, at) => client.call('double', { value: at }));
    expect(await Promise.all(asked)).toEqual(asked.map((_, at) => at * 2));
    client.close();
    await client.closed;
  });

  it('gets pages as they come, at the pace of the reader', async () => {
    const filler = 'x'.repeat(10_000);
    await serve({
      list: async (_, call) => {
        for (let at = 0; at < 500; at += 1) await call.page({ at, filler });
        return { listed: 500 };
      },
    });
    const client = await connectControl(path);
    const pages: number[] = [];
    const result = await client.call('list', {}, (page) => pages.push((page as { at: number }).at));
    expect(result).toEqual({ listed: 500 });
    expect(pages).toEqual(Array.from({ length: 500 }, (_, at) => at));
    client.close();
  });

  it('gets the error of the server with its code', async () => {
    await serve({
      known: () => Promise.reject(new MailError('E_NOT_FOUND', 'no such message')),
      unknown: () => {
        throw new TypeError('a bug');
      },
    });
    const client = await connectControl(path);
    await expect(client.call('known')).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
      message: 'no such message',
    });
    await expect(client.call('unknown')).rejects.toMatchObject({ code: 'E_CONTROL', message: 'a bug' });
    await expect(client.call('toString')).rejects.toMatchObject({ code: 'E_USAGE' });
    client.close();
  });

  it('is told to stop when its client goes away', async () => {
    let seen: AbortSignal | undefined;
    const aborted = new Promise<void>((resolve) => {
      void serve({
        hang: (_, call) => {
          seen = call.signal;
          call.signal.addEventListener('abort', () => resolve());
          return new Promise(() => undefined);
        },
      }).then(async () => {
        const controller = new AbortController();
        const client = await connectControl(path, controller.signal);
        client.call('hang').catch(() => controller.abort());
        setImmediate(() => controller.abort());
      });
    });
    await aborted;
    expect(seen?.aborted).toBe(true);
  });

  it('rejects when the server ends before the answer', async () => {
    const server = await serve({ hang: () => new Promise(() => undefined) });
    const client = await connectControl(path);
    const asked = client.call('hang').catch((error: unknown) => error);
    await server.close();
    expect(await asked).toMatchObject({ code: 'E_CONTROL', message: /closed the connection/ });
    await client.closed;
  });
});

describe('a hostile client', () => {
  const exchange = async (octets: string | Buffer): Promise<string> => {
    const socket = connect(path);
    socket.end(octets);
    let answered = '';
    for await (const chunk of socket) answered += String(chunk);
    return answered;
  };

  it('is refused what is no request, and the next request is served', async () => {
    await serve({ ping: () => 'pong' });
    const answered = await exchange(
      'not json\n[1]\n{"id":"x","command":"ping"}\n{"id":7,"command":"ping"}\n',
    );
    const lines = answered.trim().split('\n');
    expect(lines.slice(0, 3)).toEqual(Array.from({ length: 3 }, () => expect.stringContaining('E_USAGE')));
    expect(lines[3]).toBe('{"id":7,"result":"pong"}');
  });

  it('cannot send a line without end', async () => {
    await serve({});
    expect(await exchange(Buffer.alloc(controlLimits.requestOctetsMax + 2, 'x'))).toMatch(/too long/);
  });

  it('cannot pile up requests', async () => {
    await serve({ hang: () => new Promise(() => undefined) });
    const line = '{"id":1,"command":"hang"}\n';
    expect(await exchange(line.repeat(controlLimits.waitingMax + 3))).toMatch(/too many/);
  });
});
