import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createReadBuffer, readSocket } from './read-socket.js';

/** What we rely on in the inside of Node.js: a version that moves it fails here, and is not to be named as tested. */
const buffer = createReadBuffer();
const opened: { destroy(): void }[] = [];

afterEach(() => {
  for (const one of opened.splice(0)) one.destroy();
});

interface Pair {
  readonly client: Socket;
  readonly accepted: Socket;
}

async function pair(): Promise<Pair> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  opened.push(client);
  const [[accepted]] = (await Promise.all([once(server, 'connection'), once(client, 'connect')])) as [
    [Socket],
    unknown,
  ];
  opened.push(accepted);
  server.close();
  return { client, accepted };
}

/** Collects copies of what comes; `until` resolves when so many octets are there. */
function collector() {
  let [text, wanted] = ['', 0];
  let reached = (): void => undefined;
  const shared: boolean[] = [];
  const views: ArrayBufferLike[] = [];
  return {
    shared,
    views,
    get text() {
      return text;
    },
    takeChunk(chunk: Buffer, isShared: boolean) {
      text += chunk.toString('latin1');
      shared.push(isShared);
      views.push(chunk.buffer);
      if (text.length >= wanted) reached();
    },
    until(octets: number): Promise<void> {
      wanted = octets;
      if (text.length >= octets) return Promise.resolve();
      return new Promise((resolve) => {
        reached = resolve;
      });
    },
  };
}

describe('reading accepted sockets into a shared buffer', () => {
  it('is done on this version of Node.js', () => {
    expect(buffer !== undefined).toBe(process.platform !== 'win32');
  });

  it.skipIf(buffer === undefined)('gives views of the buffer, of all sockets the same', async () => {
    const [one, two] = [await pair(), await pair()];
    const [ofOne, ofTwo] = [collector(), collector()];
    readSocket(one.accepted, buffer, ofOne);
    readSocket(two.accepted, buffer, ofTwo);
    one.client.write('from one');
    two.client.write('from two');
    await Promise.all([ofOne.until(8), ofTwo.until(8)]);
    expect([ofOne.text, ofTwo.text]).toEqual(['from one', 'from two']);
    expect([...ofOne.shared, ...ofTwo.shared].every(Boolean)).toBe(true);
    expect([...ofOne.views, ...ofTwo.views].every((view) => view === buffer?.buffer)).toBe(true);
  });

  it('loses nothing of much that comes, also when it is paused in between', async () => {
    const { client, accepted } = await pair();
    const taken = collector();
    readSocket(accepted, buffer, {
      takeChunk(chunk, isShared) {
        taken.takeChunk(chunk, isShared);
        accepted.pause();
        setImmediate(() => accepted.resume());
      },
    });
    const content = Array.from({ length: 60_000 }, (_, index) => `line ${index}\r\n`).join('');
    client.write(content);
    await taken.until(content.length);
    expect(taken.text === content).toBe(true);
    expect(taken.shared.length).toBeGreaterThan(3);
  });

  it('gives nothing while it is paused', async () => {
    const { client, accepted } = await pair();
    const taken = collector();
    readSocket(accepted, buffer, taken);
    client.write('first');
    await taken.until(5);
    accepted.pause();
    client.write('second');
    client.end();
    // The end of another connection comes after what was written before it on this one.
    const other = await pair();
    readSocket(other.accepted, buffer, collector());
    const ended = once(other.accepted, 'end');
    other.client.end();
    await ended;
    expect(taken.text).toBe('first');
    const end = once(accepted, 'end');
    accepted.resume();
    await Promise.all([taken.until(11), end]);
    expect(taken.text).toBe('firstsecond');
  });

  it('tells the end as any socket does, and of a connection that breaks', async () => {
    const { client, accepted } = await pair();
    readSocket(accepted, buffer, collector());
    const ended = once(accepted, 'end');
    client.end('bye');
    await ended;
    const broken = await pair();
    readSocket(broken.accepted, buffer, collector());
    const error = once(broken.accepted, 'error');
    broken.client.resetAndDestroy();
    expect(((await error)[0] as { code: string }).code).toBe('ECONNRESET');
  });

  it('gives what was put back before, by events as elsewhere', async () => {
    const { client, accepted } = await pair();
    accepted.unshift(Buffer.from('early '));
    const taken = collector();
    readSocket(accepted, buffer, taken);
    client.write('late');
    await taken.until(10);
    expect(taken.text).toBe('early late');
    expect(taken.shared.some(Boolean)).toBe(false);
  });

  it.each([
    ['shared', buffer],
    ['not shared', undefined],
  ])('gives nothing more once it is stopped: %s', async (_name, of) => {
    const { client, accepted } = await pair();
    const taken = collector();
    const stop = readSocket(accepted, of, taken);
    client.write('before');
    await taken.until(6);
    stop();
    client.end('after');
    accepted.resume();
    await once(accepted, 'end');
    expect(taken.text).toBe('before');
  });
});
