import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { connect as connectTls, createSecureContext } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ConnectionState } from '../context/connection.js';
import { createSeededRandom } from '../testing/seeded-random.js';
import { makeTestCertificate } from '../testing/test-certificate.js';
import type { ListenerTls } from './listeners.js';
import { createMetrics } from './metrics-registry.js';
import { serveSocket } from './serve-socket.js';
import { systemClock } from './system-clock.js';

const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const header = 'PROXY TCP4 192.0.2.1 198.51.100.7 56324 25\r\n';
let certificate: { readonly key: string; readonly cert: string };
const closing: (() => void)[] = [];

beforeAll(async () => {
  certificate = await makeTestCertificate();
});

afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A port whose connections say who the client is and send back what they get. */
async function open(tls: ListenerTls, isProxy: (address: string) => boolean) {
  const seen: ConnectionState[] = [];
  const context = createSecureContext(certificate);
  const services = {
    certificates: { isAvailable: true, context: () => context },
    clock: systemClock,
    random: createSeededRandom(1),
    log,
    metrics: createMetrics(),
  };
  const server = createServer((socket) => {
    const options = { name: 't', protocol: 'smtp', role: 'relay', port: 0, tls, isProxy } as const;
    const serve = (client: { socket: NodeJS.ReadWriteStream; connection: ConnectionState }): void => {
      seen.push(client.connection);
      client.socket.write(`220 ${client.connection.remoteAddress}\r\n`);
      client.socket.on('data', (chunk) => client.socket.write(chunk));
    };
    void serveSocket(socket, { ...options, serve }, new AbortController().signal, services);
    closing.push(() => socket.destroy());
  });
  closing.push(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { seen, port: (server.address() as { port: number }).port };
}

async function textOf(socket: NodeJS.ReadableStream, octets: number): Promise<string> {
  let text = '';
  while (text.length < octets) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    text += chunk.toString();
  }
  return text;
}

describe('a connection behind a proxy', () => {
  it('has the addresses that the header says, and keeps what came with it', async () => {
    const { seen, port } = await open('none', (address) => address === '127.0.0.1');
    const socket = connect(port, '127.0.0.1');
    closing.push(() => socket.destroy());
    socket.write(`${header}EHLO client.example\r\n`);
    expect(await textOf(socket, 36)).toBe('220 192.0.2.1\r\nEHLO client.example\r\n');
    expect(seen[0]).toMatchObject({
      remoteAddress: '192.0.2.1',
      remotePort: 56_324,
      localAddress: '198.51.100.7',
      localPort: 25,
    });
  });

  it('may speak TLS behind the header, in the same packet', async () => {
    const { seen, port } = await open('implicit', () => true);
    const plain = connect(port, '127.0.0.1');
    closing.push(() => plain.destroy());
    plain.cork();
    plain.write(header);
    const socket = connectTls({ socket: plain, rejectUnauthorized: false });
    process.nextTick(() => plain.uncork());
    expect(await textOf(socket, 15)).toBe('220 192.0.2.1\r\n');
    expect(seen[0]?.tls?.version).toBe('TLSv1.3');
  });

  it('is not believed when it is not listed: the header is data like any other', async () => {
    const { seen, port } = await open('none', () => false);
    const socket = connect(port, '127.0.0.1');
    closing.push(() => socket.destroy());
    socket.write(header);
    expect(await textOf(socket, 15)).toContain('220 127.0.0.1');
    expect(seen[0]?.remoteAddress).toBe('127.0.0.1');
  });

  it('is closed when it is listed and sends no header', async () => {
    const { seen, port } = await open('none', () => true);
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('EHLO client.example\r\n');
    await once(socket, 'close');
    expect(seen).toHaveLength(0);
  });
});
