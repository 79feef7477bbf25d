/** How octets flow: replies that share a write, and a disk that can not follow. */
import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { ConnectionState } from '../context/connection.js';
import type { Clock } from '../services/clock.js';
import type { ClientSocket } from '../services/listeners.js';
import { createMetrics } from '../services/metrics-registry.js';
import type { BodyWriter } from '../services/spool.js';
import { systemClock } from '../services/system-clock.js';
import { startTestReceiver, type TestReceiver, takeEverything } from '../testing/test-receiver.js';
import { createVirtualClock } from '../testing/virtual-clock.js';
import { reply } from '../values/reply.js';
import { createReceiver } from './create-receiver.js';
import { defaultReceiverLimits, type ReceiverPolicy } from './receiver.js';

let receiver: TestReceiver | undefined;
afterEach(async () => {
  await receiver?.close();
  receiver = undefined;
});

const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

/** A receiver on a socket whose writes are counted; `isRead`: by a client that reads what it is sent. */
function open(policy: Partial<ReceiverPolicy> = {}, { isRead = true, clock = systemClock as Clock } = {}) {
  const writes: string[] = [];
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      writes.push(chunk.toString('latin1'));
      if (isRead) done();
    },
  });
  const made = createReceiver({
    hostname: 'mx.example.org',
    protocol: 'smtp',
    tls: 'none',
    isTlsRequired: false,
    hasAuth: false,
    isPlaintextAuthAllowed: false,
    profile: 'strict',
    greetingDelayMs: 0,
    clock,
    log,
    metrics: createMetrics(),
    limits: defaultReceiverLimits,
    policy: { ...takeEverything([], [], { opened: 0, closed: 0 }), ...policy },
  });
  const connection = new ConnectionState({
    id: 'c',
    protocol: 'smtp',
    role: 'relay',
    listener: 't',
    remoteAddress: '',
    remotePort: 0,
    localAddress: '',
    localPort: 0,
    openedAtMs: 0,
  });
  const startTls = () => Promise.reject(new Error('no TLS'));
  made.serve({ socket, connection, startTls } as unknown as ClientSocket, new AbortController().signal);
  return { socket, writes };
}

describe('replies to commands that came together', () => {
  const group = 'MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nRCPT TO:<e@f.example>\r\nDATA\r\n';

  it('leave in one write', async () => {
    const { socket, writes } = open();
    socket.push('EHLO client.example\r\n');
    await expect.poll(() => writes).toHaveLength(2);
    socket.push(group);
    await expect.poll(() => writes).toHaveLength(3);
    expect(writes[2]?.match(/^\d{3} /gm)).toEqual(['250 ', '250 ', '250 ', '354 ']);
    socket.destroy();
  });

  it('leave in one write also when policy answers in promises', async () => {
    const { socket, writes } = open({
      recipient: async (transaction, recipient) => {
        transaction.recipients.push(recipient);
        return { reply: reply(250, undefined, 'later') };
      },
    });
    socket.push(`EHLO client.example\r\n`);
    await expect.poll(() => writes).toHaveLength(2);
    socket.push(group);
    await expect.poll(() => writes.join('')).toContain('354');
    expect(writes).toHaveLength(3);
    socket.destroy();
  });

  it('leave as they are there when policy takes its time', async () => {
    let answer = () => {};
    const { socket, writes } = open({
      recipient: (transaction, recipient) => {
        transaction.recipients.push(recipient);
        return new Promise((resolve) => {
          answer = () => resolve({ reply: reply(250, undefined, 'late') });
        });
      },
    });
    socket.push(`EHLO client.example\r\nMAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\n`);
    await expect.poll(() => writes.join('')).toMatch(/250 2\.0\.0 ok\r\n$/);
    answer();
    await expect.poll(() => writes.join('')).toMatch(/250 late\r\n$/);
    socket.destroy();
  });
});

describe('a client that never reads', () => {
  it('is read no further once its replies have gathered, and does not stay for ever', async () => {
    const clock = createVirtualClock();
    const { socket } = open({}, { isRead: false, clock });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    let pushed = 0;
    for (; pushed < 1_000 && !socket.isPaused(); pushed++) {
      socket.push('NOOP\r\n'.repeat(1_000));
      await new Promise(setImmediate);
    }
    expect(pushed).toBeLessThan(100);
    expect(socket.writableLength).toBeLessThan(200_000);
    await clock.advance(302_000);
    await closed;
    expect(clock.timers).toBe(0);
  });
});

describe('a disk that can not follow', () => {
  it('holds up the client, and the message comes whole when it has caught up', async () => {
    let drained = () => {};
    let received = 0;
    let isFull = true;
    const writer: BodyWriter = {
      sizeBytes: 0,
      write(chunk) {
        received += chunk.length;
        return !isFull;
      },
      drained: () =>
        new Promise((resolve) => {
          drained = resolve;
        }),
      finish: () => Promise.reject(new Error('only the octets count')),
      abort: async () => {},
    };
    const opened = await startTestReceiver({ policy: { body: () => writer } });
    receiver = opened;
    const octets = 30_000_000;
    const socket = connect(opened.port, '127.0.0.1');
    let said = '';
    socket.on('data', (chunk) => {
      said += chunk.toString();
    });
    socket.write('EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n');
    await expect.poll(() => said).toContain('354');
    const sent = new Promise((resolve) => socket.write(`${'x'.repeat(octets - 2)}\r\n`, resolve));
    await expect.poll(() => received).toBeGreaterThan(0);
    // The system's buffers fill up, and then the client can not write on.
    let before = -1;
    await expect
      .poll(() => {
        const isStill = before === socket.bytesWritten - socket.writableLength;
        before = socket.bytesWritten - socket.writableLength;
        return isStill;
      })
      .toBe(true);
    expect(received).toBeLessThan(1_000_000);
    expect(socket.writableLength).toBeGreaterThan(0);
    isFull = false;
    drained();
    await sent;
    socket.write('.\r\n');
    await expect.poll(() => said).toContain('452 4.3.1');
    expect(received).toBe(octets);
    socket.destroy();
  });
});
