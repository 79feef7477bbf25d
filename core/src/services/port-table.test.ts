import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createSeededRandom } from '../testing/seeded-random.js';
import type { ListenerTls } from './listeners.js';
import { createMetrics } from './metrics-registry.js';
import { openFilesMax } from './open-files.js';
import { createPortTable, type PortTable } from './port-table.js';
import { systemClock } from './system-clock.js';

const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const sockets: Socket[] = [];
let table: PortTable | undefined;

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  table?.destroyAll();
  await table?.closeAll();
});

async function open(options: { socketsMax: number; connectionsMax?: number; tls?: ListenerTls }) {
  const metrics = createMetrics();
  table = createPortTable(options.socketsMax);
  const certificates = { isAvailable: false, context: () => Promise.reject(new Error('none')) as never };
  const random = createSeededRandom(1);
  const listeners = table.forGeneration({ certificates, clock: systemClock, random, log, metrics });
  const { port } = await listeners.listen({
    name: 'in',
    protocol: 'smtp',
    role: 'relay',
    host: '127.0.0.1',
    port: 0,
    tls: options.tls ?? 'none',
    ...(options.connectionsMax === undefined ? {} : { connectionsMax: options.connectionsMax }),
    overloadText: '421 too many\r\n',
    serve: ({ socket }) => void socket.write('220 hello\r\n'),
  });
  await listeners.takeOver();
  const overloads = () => metrics.samples().find(({ name }) => name === 'postroad_overloads_total')?.value;
  return { port, overloads };
}

/** What a new client is told until it is closed or greeted. */
async function told(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString();
  });
  await Promise.race([once(socket, 'data'), once(socket, 'close')]);
  return text;
}

describe('ports', () => {
  it('turn away connections over the limit of a listener, and count them', async () => {
    const { port, overloads } = await open({ socketsMax: 10, connectionsMax: 1 });
    expect(await told(port)).toBe('220 hello\r\n');
    expect(await told(port)).toBe('421 too many\r\n');
    expect(overloads()).toBe(1);
  });

  it('turn away connections for which the process has no room, and take others when it has', async () => {
    const { port, overloads } = await open({ socketsMax: 2 });
    await told(port);
    await told(port);
    expect(await told(port)).toBe('421 too many\r\n');
    expect(overloads()).toBe(1);
    for (const socket of sockets.splice(0)) socket.destroy();
    await expect.poll(() => told(port), { timeout: 10_000 }).toBe('220 hello\r\n');
  });

  it('say nothing in clear to those who wait for TLS', async () => {
    const { port, overloads } = await open({ socketsMax: 10, connectionsMax: 0, tls: 'implicit' });
    expect(await told(port)).toBe('');
    expect(overloads()).toBe(1);
  });
});

describe('the number of files that may be open', () => {
  it('is what the system says, or has no bound', () => {
    const row = (value: string) =>
      `Max processes 1 1 processes\nMax open files            ${value}   4096 files\n`;
    expect(openFilesMax(() => row('1024'))).toBe(1_024);
    expect(openFilesMax(() => row('unlimited'))).toBe(Number.POSITIVE_INFINITY);
    expect(
      openFilesMax(() => {
        throw new Error('ENOENT');
      }),
    ).toBe(Number.POSITIVE_INFINITY);
    expect(openFilesMax()).toBeGreaterThan(0);
  });
});
