import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createSecureContext, type SecureContext, type SecureVersion } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createSeededRandom } from '../testing/seeded-random.js';
import { makeTestCertificate } from '../testing/test-certificate.js';
import { createVirtualClock } from '../testing/virtual-clock.js';
import { createMetrics } from './metrics-registry.js';
import { serveSocket } from './serve-socket.js';
import { createSessionTickets, createSharedTickets, type SessionTickets } from './session-tickets.js';
import { systemClock } from './system-clock.js';

const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const hourMs = 3_600_000;
const versions = ['TLSv1.2', 'TLSv1.3'] as const;
const closing: (() => void)[] = [];
let pairs: { readonly key: string; readonly cert: string }[];
beforeAll(async () => {
  pairs = [await makeTestCertificate(), await makeTestCertificate()];
});
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A process of a server: a port with TLS from the first octet. Its certificate can be swapped. */
async function worker(sessionTickets: SessionTickets, isAsking = false) {
  const shown: { context: SecureContext } = { context: createSecureContext(pairs[0]) };
  const services = {
    certificates: { isAvailable: true, context: () => shown.context },
    clientAuthorities: { isAsking, read: () => undefined, start: async () => undefined },
    sessionTickets,
    clock: systemClock,
    random: createSeededRandom(1),
    log,
    metrics: createMetrics(),
  };
  const certificates: (string | undefined)[] = [];
  const server = createServer((socket) => {
    const options = { name: 't', protocol: 'smtp', role: 'submission', port: 0, tls: 'implicit' } as const;
    const serve = ({ socket: secured }: { socket: NodeJS.WritableStream }): void => {
      const { getPeerX509Certificate } = secured as unknown as {
        getPeerX509Certificate(): { subject: string };
      };
      certificates.push(getPeerX509Certificate.call(secured)?.subject);
      secured.end('hello');
    };
    void serveSocket(socket, { ...options, serve }, new AbortController().signal, services);
  });
  closing.push(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const swap = () => {
    shown.context = createSecureContext(pairs[1]);
  };
  return { port: (server.address() as { port: number }).port, certificates, swap };
}

/** What a client that comes with a session, or without one, gets. */
async function talk(port: number, version: SecureVersion, session?: Buffer, pair = {}) {
  const socket = connect({
    ...{ port, host: '127.0.0.1', servername: 'mx.example.org', rejectUnauthorized: false },
    ...{ minVersion: version, maxVersion: version, ...pair },
    ...(session === undefined ? {} : { session }),
  });
  let next = session;
  socket.on('session', (given: Buffer) => {
    next = given;
  });
  let isReused: boolean | undefined;
  socket.once('secureConnect', () => {
    isReused = socket.isSessionReused();
    // With TLS 1.2 a ticket that is renewed comes within the handshake.
    if (version === 'TLSv1.2') next = socket.getSession();
  });
  socket.resume();
  await once(socket, 'close');
  return { session: next, isReused };
}

describe.each(versions)('a session of %s', (version) => {
  it('goes on at another worker, at one that came later, and after a certificate was swapped', async () => {
    const clock = createVirtualClock(Date.UTC(2026, 0, 1));
    const first = createSessionTickets(clock, createSeededRandom(1));
    const at = async (seed: number) =>
      await worker(createSessionTickets(clock, createSeededRandom(seed), first.state()));
    const [one, two] = [await at(2), await at(3)];
    const made = await talk(one.port, version);
    expect(made.isReused).toBe(false);
    expect((await talk(two.port, version, made.session)).isReused).toBe(true);
    two.swap();
    expect((await talk(two.port, version, made.session)).isReused).toBe(true);
    clock.jump(clock.now() + 1.5 * hourMs);
    const three = await at(4);
    expect((await talk(three.port, version, made.session)).isReused).toBe(true);
  });

  it('goes on with the key before this one, and then no more', async () => {
    const clock = createVirtualClock(Date.UTC(2026, 0, 1));
    const tickets = createSessionTickets(clock, createSeededRandom(1));
    const one = await worker(tickets);
    const other = await worker(createSessionTickets(clock, createSeededRandom(2), tickets.state()));
    const made = await talk(one.port, version);
    clock.jump(clock.now() + 2 * hourMs);
    const renewed = await talk(other.port, version, made.session);
    expect(renewed.isReused).toBe(true);
    clock.jump(clock.now() + 2 * hourMs);
    expect((await talk(one.port, version, made.session)).isReused).toBe(false);
    // The one that was given when it went on is of the key of that time.
    expect((await talk(one.port, version, renewed.session)).isReused).toBe(true);
    expect(tickets.state().secret).not.toBe(
      createSessionTickets(clock, createSeededRandom(1)).state().secret,
    );
  });

  it('goes on at another machine that has the same file, and at no other', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tickets-'));
    try {
      const file = join(folder, 'secret');
      const other = join(folder, 'other');
      await writeFile(file, randomBytes(32));
      await writeFile(other, randomBytes(32));
      const clock = createVirtualClock(Date.UTC(2026, 0, 1));
      const at = async (from: string, aheadMs: number) => {
        const own = createVirtualClock(clock.now() + aheadMs);
        const tickets = createSharedTickets(from, own, createSeededRandom(aheadMs + 1));
        await tickets.start();
        return await worker(tickets);
      };
      const [one, two, stranger] = [await at(file, 0), await at(file, -1_000), await at(other, 0)];
      const { session } = await talk(one.port, version);
      expect((await talk(two.port, version, session)).isReused).toBe(true);
      expect((await talk(stranger.port, version, session)).isReused).toBe(false);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('keeps the certificate of the client', async () => {
    const clock = createVirtualClock(Date.UTC(2026, 0, 1));
    const tickets = createSessionTickets(clock, createSeededRandom(1));
    const one = await worker(tickets, true);
    const two = await worker(createSessionTickets(clock, createSeededRandom(2), tickets.state()), true);
    const made = await talk(one.port, version, undefined, pairs[1]);
    expect((await talk(two.port, version, made.session, pairs[1])).isReused).toBe(true);
    expect(one.certificates).toEqual(['CN=mx.example.org']);
    expect(two.certificates).toEqual(['CN=mx.example.org']);
  });
});

describe('the keys of session tickets', () => {
  it('of one period do not tell those before it', () => {
    const clock = createVirtualClock(Date.UTC(2026, 0, 1));
    const tickets = createSessionTickets(clock, createSeededRandom(1));
    const states = [tickets.state()];
    for (let at = 0; at < 3; at++) {
      clock.jump(clock.now() + 2 * hourMs);
      states.push(tickets.state());
    }
    expect(new Set(states.map(({ secret }) => secret)).size).toBe(4);
    // Whoever begins with an old one comes to the same.
    expect(createSessionTickets(clock, createSeededRandom(9), states[0]).state()).toEqual(states[3]);
    clock.jump(clock.now() + 365 * 24 * hourMs);
    expect(createSessionTickets(clock, createSeededRandom(9), states[1]).state()).toEqual(tickets.state());
  });

  it('are not made of a file that is missing, empty or too short', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tickets-'));
    try {
      const file = join(folder, 'secret');
      const start = async () => await createSharedTickets(file, systemClock, createSeededRandom(1)).start();
      await expect(start()).rejects.toMatchObject({ code: 'E_TLS', message: expect.stringContaining(file) });
      await writeFile(file, 'short');
      await expect(start()).rejects.toThrow('it has 5 octets');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
