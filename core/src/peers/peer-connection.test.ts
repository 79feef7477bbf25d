import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createResolver } from '../services/dns-resolver.js';
import { systemClock } from '../services/system-clock.js';
import { createSeededRandom } from '../testing/seeded-random.js';
import { createFailOver, withDeadline } from './fail-over.js';
import { formatPeerAddress, parsePeerAddress } from './peer-address.js';
import { openPeer } from './peer-connection.js';

const servers: Server[] = [];
const sockets = new Set<Socket>();
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

async function serve(talk: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    talk(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}

const never = new AbortController().signal;
const open = (port: number, signal = never) =>
  openPeer({
    address: { kind: 'tcp', host: '127.0.0.1', port },
    resolver: createResolver({ clock: systemClock, random: createSeededRandom(1) }),
    signal,
  });

describe('parsePeerAddress', () => {
  it.each([
    ['127.0.0.1:783', '127.0.0.1:783'],
    ['inet:mail.example.org:25', 'mail.example.org:25'],
    ['[::1]:11333', '[::1]:11333'],
    ['unix:/run/clamd.sock', 'unix:/run/clamd.sock'],
    ['local:/run/x', 'unix:/run/x'],
  ])('reads %s', (text, formatted) => {
    const address = parsePeerAddress(text);
    expect(address && formatPeerAddress(address)).toBe(formatted);
  });
  it.each(['', 'host', 'host:0', 'host:70000', '::1:25', '[host]:1', 'unix:relative', 'unix:/a\0b', 'a b:1'])(
    'refuses %j',
    (text) => expect(parsePeerAddress(text)).toBeUndefined(),
  );
});

describe('a connection to a peer', () => {
  it('reads by count, by terminator, and the rest', async () => {
    const port = await serve((socket) => socket.end('abcline\0the rest'));
    const peer = await open(port);
    expect((await peer.take(3)).toString()).toBe('abc');
    expect((await peer.takeUntil(0, 100)).toString()).toBe('line');
    let rest = '';
    for await (const chunk of peer.rest(100)) rest += chunk.toString();
    expect(rest).toBe('the rest');
    expect(peer.isQuiet).toBe(false);
    peer.close();
  });

  it('rejects when the peer closes half-way, sends too much, or is not there', async () => {
    const halfway = await open(await serve((socket) => socket.end('ab')));
    await expect(halfway.take(3)).rejects.toMatchObject({ code: 'E_PEER' });
    const flood = await open(await serve((socket) => socket.write(Buffer.alloc(3_000_000, 'x'))));
    await expect(flood.takeUntil(10, 1_000)).rejects.toMatchObject({ code: 'E_PEER' });
    const rest = flood.rest(2_000);
    await expect(rest.next()).rejects.toMatchObject({ code: 'E_PEER' });
    flood.close();
    const port = await serve(() => {});
    await new Promise((resolve) => servers.pop()?.close(resolve));
    await expect(open(port)).rejects.toMatchObject({ code: 'E_PEER' });
  });

  it('waits for back pressure, and is ended by its signal', async () => {
    const port = await serve((socket) => void socket.pause());
    const controller = new AbortController();
    const peer = await open(port, controller.signal);
    const sending = (async () => {
      for (;;) await peer.send(Buffer.alloc(1_000_000));
    })();
    const reading = peer.take(1);
    controller.abort(new Error('enough'));
    await expect(sending).rejects.toMatchObject({
      code: 'E_PEER',
      message: expect.stringContaining('enough'),
    });
    await expect(reading).rejects.toMatchObject({ code: 'E_PEER' });
  });
});

describe('fail-over', () => {
  const failOver = (order: 'first' | 'turn', failures: string[] = []) =>
    createFailOver({
      servers: ['a', 'b', 'c'],
      clock: systemClock,
      timeoutMs: 50,
      pauseMs: 60_000,
      order,
      onFailure: (server) => failures.push(server),
    });

  it('asks the next when one fails or hangs, and keeps away from those for a while', async () => {
    const failures: string[] = [];
    const asked: string[] = [];
    const over = failOver('first', failures);
    const ask = async (server: string) => {
      asked.push(server);
      if (server === 'a') throw new Error('down');
      if (server === 'b') return new Promise<string>(() => {});
      return server;
    };
    expect(await over.run(ask, never)).toBe('c');
    expect(await over.run(ask, never)).toBe('c');
    expect(failures).toEqual(['a', 'b']);
    expect(asked).toEqual(['a', 'b', 'c', 'c']);
  });

  it('takes turns, and rejects with the last failure', async () => {
    const over = failOver('turn');
    const answers = [1, 2, 3, 4].map(() => over.run(async (server) => server, never));
    expect(await Promise.all(answers)).toEqual(['a', 'b', 'c', 'a']);
    await expect(over.run((server) => Promise.reject(new Error(server)), never)).rejects.toThrow('a');
  });

  it('stops when the caller does', async () => {
    const over = failOver('first');
    await expect(over.run(async (server) => server, AbortSignal.abort(new Error('gone')))).rejects.toThrow(
      'gone',
    );
  });

  it('tells of a deadline', async () => {
    const late = withDeadline(systemClock, 5, never, () => new Promise(() => {}));
    await expect(late).rejects.toMatchObject({ code: 'E_PEER' });
  });
});
