import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { type Clock, systemClock } from '@postroad/core';
import { type DnsServer, startDnsServer, startTestMta, type TestMta } from '@postroad/core/testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { TlsAcmeOptions } from '../src/options.js';
import { tlsAcme } from '../src/tls-acme.js';
import { freePort, hasPebble, type Pebble, startPebble } from './pebble.js';

let directory: string;
let dns: DnsServer;
let pebble: Pebble;
let ports: { http: number; tls: number };
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  if (!hasPebble) return;
  directory = await mkdtemp(join(tmpdir(), 'tls-acme-'));
  const here = { A: ['127.0.0.1'] };
  dns = await startDnsServer({ 'mx.test': here, 'imap.test': here, 'alpn.test': here });
  ports = { http: await freePort(), tls: await freePort() };
  pebble = await startPebble(directory, ports, dns.address);
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(async () => {
  if (!hasPebble) return;
  await pebble.stop();
  await dns.close();
  await rm(directory, { recursive: true });
});

async function serverWith(name: string, options: Partial<TlsAcmeOptions>, clock?: Clock): Promise<TestMta> {
  const server = await startTestMta({
    plugins: [
      tlsAcme({
        directory: join(directory, name),
        agreesToTerms: true,
        directoryUrl: pebble.directoryUrl,
        caFile: pebble.caFile,
        http: { host: '127.0.0.1', port: ports.http },
        alpn: { host: '127.0.0.1', port: ports.tls },
        checkMs: 50,
        retryMs: 100,
        dnsWaitMs: 0,
        ...options,
      }),
    ],
    listeners: [{ name: 'relay', host: '127.0.0.1', port: 0, role: 'relay', tls: 'implicit' }],
    ...(clock === undefined ? {} : { clock }),
  });
  closing.push(() => server.stop());
  return server;
}

async function open(server: TestMta, servername?: string): Promise<TLSSocket> {
  const socket = connect({
    port: server.port('relay'),
    host: '127.0.0.1',
    rejectUnauthorized: false,
    ...(servername === undefined ? {} : { servername }),
  });
  closing.push(async () => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

async function shown(server: TestMta, servername?: string) {
  const socket = await open(server, servername);
  const { issuer, serialNumber, subjectaltname = '' } = socket.getPeerCertificate();
  socket.destroy();
  return { issuer: String(issuer.CN), serialNumber, names: subjectaltname };
}

const issued = (server: TestMta) =>
  server.logged.filter(({ event }) => event === 'a certificate was issued').length;

test.skipIf(!hasPebble)(
  'pebble issues and renews by http-01 while connections stay open',
  { timeout: 60_000 },
  async () => {
    let offsetMs = 0;
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + offsetMs };
    const server = await serverWith('http', { certificates: [{ names: ['mx.test', 'imap.test'] }] }, clock);
    const first = await open(server, 'mx.test');
    expect(String(first.getPeerCertificate().issuer.CN)).toBe('mx.test');
    await server.whenLogged('a certificate was issued');
    await expect.poll(async () => (await shown(server, 'mx.test')).issuer).toMatch(/^Pebble/);
    const before = await shown(server, 'imap.test');
    expect(before.names).toContain('DNS:imap.test');
    const second = await open(server, 'mx.test');

    // Years later.
    offsetMs = 4.9 * 365 * 86_400_000;
    await expect.poll(() => issued(server)).toBeGreaterThan(1);
    offsetMs = 0;
    await expect
      .poll(async () => (await shown(server, 'mx.test')).serialNumber)
      .not.toBe(before.serialNumber);
    for (const socket of [first, second]) {
      socket.write('EHLO client.test\r\n');
      let heard = '';
      while (!/^250 /m.test(heard)) heard += String((await once(socket, 'data'))[0]);
    }
    const [file = ''] = await readdir(join(directory, 'http', 'certificates'));
    expect((await stat(join(directory, 'http', 'certificates', file))).mode & 0o777).toBe(0o600);
  },
);

test.skipIf(!hasPebble)(
  'proves a name by tls-alpn-01, and names with * by dns-01',
  { timeout: 60_000 },
  async () => {
    const web = createServer((request, response) => {
      const { searchParams } = new URL(request.url ?? '', 'http://localhost');
      const name = searchParams.get('name') ?? '';
      dns.set(
        name,
        searchParams.get('action') === 'add'
          ? { TXT: [searchParams.get('text') ?? ''], ttlSeconds: 0 }
          : undefined,
      );
      response.end('done');
    });
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    closing.push(async () => web.close());
    const url = `http://127.0.0.1:${(web.address() as { port: number }).port}/`;
    const script = `const [url, action, name, text] = process.argv.slice(1);
    fetch(url + '?' + new URLSearchParams({ action, name, text })).then((answer) => answer.text());`;
    const server = await serverWith('several', {
      certificates: [
        { names: ['alpn.test'], challenge: 'tls-alpn-01' },
        { names: ['*.wild.test'], challenge: 'dns-01' },
      ],
      dnsCommand: [process.execPath, '-e', script, url],
    });
    await expect.poll(() => issued(server), { timeout: 30_000 }).toBe(2);
    await expect.poll(async () => (await shown(server, 'any.wild.test')).names).toBe('DNS:*.wild.test');
    expect((await shown(server, 'alpn.test')).names).toBe('DNS:alpn.test');
    // Who asks for no name, or one that we don't have, is shown the first.
    expect((await shown(server)).names).toBe('DNS:alpn.test');
    expect((await shown(server, 'deep.any.wild.test')).names).toBe('DNS:alpn.test');
  },
);

test.skipIf(!hasPebble)(
  'a proof that fails is tried again, and the server goes on',
  { timeout: 60_000 },
  async () => {
    const server = await serverWith('failing', { certificates: [{ names: ['elsewhere.test'] }] });
    const { fields } = await server.whenLogged('a certificate could not be had');
    expect(String(fields.reason)).not.toBe('');
    expect((await shown(server)).names).toContain('DNS:mx.test');
    dns.set('elsewhere.test', { A: ['127.0.0.1'] });
    await expect.poll(() => issued(server), { timeout: 30_000 }).toBe(1);
  },
);
