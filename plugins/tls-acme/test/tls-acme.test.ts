import { once } from 'node:events';
import { copyFile, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import {
  type Clock,
  definePlugin,
  ensureSelfSigned,
  Listeners,
  systemClock,
  WellKnownPages,
} from '@postroad/core';
import { type DnsServer, startDnsServer, startTestMta, type TestMta } from '@postroad/core/testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { TlsAcmeOptions } from '../src/options.js';
import { tlsAcme } from '../src/tls-acme.js';
import { freePort, hasPebble, type Pebble, startPebble } from './pebble.js';

/** The machine may be busy. */
const patience = { timeout: 60_000 };

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

const pairIn = (folder: string, name: string) =>
  ensureSelfSigned(join(directory, folder), name, systemClock.now(), (file) => readFile(file, 'utf8'));

const issued = (server: TestMta) =>
  server.logged.filter(({ event }) => event === 'a certificate was issued').length;

test.skipIf(!hasPebble)(
  'pebble issues and renews by http-01 while connections stay open, beside certificates from files',
  { timeout: 120_000 },
  async () => {
    let offsetMs = 0;
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + offsetMs };
    // Another name has its certificate from files.
    const files = await pairIn('own', 'own.test');
    const server = await serverWith(
      'http',
      { certificates: [{ names: ['mx.test', 'imap.test'] }], files: [files] },
      clock,
    );
    const first = await open(server, 'mx.test');
    const own = await shown(server, 'own.test');
    expect(String(first.getPeerCertificate().issuer.CN)).toBe('own.test');
    await server.whenLogged('a certificate was issued');
    await expect.poll(async () => (await shown(server, 'mx.test')).issuer, patience).toMatch(/^Pebble/);
    const before = await shown(server, 'imap.test');
    expect(before.names).toContain('DNS:imap.test');
    // Each name has its own, and the first of ACME is for all others.
    expect(await shown(server, 'own.test')).toEqual(own);
    expect((await shown(server, 'unknown.test')).serialNumber).toBe(before.serialNumber);
    const next = await pairIn('next', 'own.test');
    await copyFile(next.keyFile, files.keyFile);
    await copyFile(next.certificateFile, files.certificateFile);
    await expect
      .poll(async () => (await shown(server, 'own.test')).serialNumber, patience)
      .not.toBe(own.serialNumber);
    expect((await shown(server, 'imap.test')).serialNumber).toBe(before.serialNumber);
    const second = await open(server, 'mx.test');

    // Years later.
    offsetMs = 4.9 * 365 * 86_400_000;
    await expect.poll(() => issued(server), patience).toBeGreaterThan(1);
    offsetMs = 0;
    await expect
      .poll(async () => (await shown(server, 'mx.test')).serialNumber, patience)
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
  { timeout: 120_000 },
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
    await expect.poll(() => issued(server), patience).toBe(2);
    await expect
      .poll(async () => (await shown(server, 'any.wild.test')).names, patience)
      .toBe('DNS:*.wild.test');
    expect((await shown(server, 'alpn.test')).names).toBe('DNS:alpn.test');
    // Who asks for no name, or one that we don't have, is shown the first.
    expect((await shown(server)).names).toBe('DNS:alpn.test');
    expect((await shown(server, 'deep.any.wild.test')).names).toBe('DNS:alpn.test');
  },
);

test.skipIf(!hasPebble)(
  'proves names on ports that serve something else, which goes on',
  { timeout: 120_000 },
  async () => {
    const site = definePlugin({
      name: 'site',
      needs: { listeners: Listeners, pages: WellKnownPages },
      setup({ services: { listeners, pages }, onStart }) {
        const web = createServer(async ({ url = '' }, response) => {
          const page = await pages.find(url);
          response.writeHead(page === undefined ? 404 : 200).end(page ?? 'the site');
        });
        onStart(async () => {
          await listeners.listen({
            ...{
              name: 'site',
              host: '127.0.0.1',
              port: ports.http,
              protocol: 'http',
              role: 'access',
              tls: 'none',
            },
            serve: ({ socket }) => void web.emit('connection', socket),
          });
        });
      },
    });
    dns.set('web.test', { A: ['127.0.0.1'] });
    const server = await startTestMta({
      plugins: [
        tlsAcme({
          ...{ directory: join(directory, 'shared'), agreesToTerms: true, directoryUrl: pebble.directoryUrl },
          ...{ caFile: pebble.caFile, checkMs: 50, http: 'shared', alpn: 'shared' },
          certificates: [
            { names: ['web.test'] },
            { names: ['alpn.test', 'mx.test'], challenge: 'tls-alpn-01' },
          ],
        }),
        site(),
      ],
      listeners: [{ name: 'smtps', host: '127.0.0.1', port: ports.tls, role: 'submission', tls: 'implicit' }],
    });
    closing.push(() => server.stop());
    await expect.poll(() => issued(server), patience).toBe(2);
    const shownFor = async (servername: string, more: ConnectionOptions = {}) => {
      const socket = connect({
        ...{ port: ports.tls, host: '127.0.0.1', rejectUnauthorized: false, servername, ...more },
      });
      try {
        await once(socket, 'data');
        return `${socket.getPeerCertificate().subjectaltname} ${socket.alpnProtocol}`;
      } finally {
        socket.destroy();
      }
    };
    await expect.poll(() => shownFor('web.test'), patience).toBe('DNS:web.test false');
    await expect
      .poll(() => shownFor('mx.test'))
      .toMatch(/DNS:alpn\.test, DNS:mx\.test|DNS:mx\.test, DNS:alpn\.test/);
    // Other protocols are as good as none; nobody gets a proof when there is none.
    expect(await shownFor('web.test', { ALPNProtocols: ['smtp'] })).toBe('DNS:web.test smtp');
    for (const servername of ['mx.test', '../accounts/x', 'unknown.test'])
      await expect(shownFor(servername, { ALPNProtocols: ['acme-tls/1'] }), servername).rejects.toThrow(
        /alert/,
      );
    const answer = await fetch(`http://127.0.0.1:${ports.http}/other`);
    expect([answer.status, await answer.text()]).toEqual([404, 'the site']);
    expect(await readdir(join(directory, 'shared', 'proofs'))).toEqual([]);
  },
);

test.skipIf(!hasPebble)(
  'a proof that fails is tried again, and the server goes on',
  { timeout: 120_000 },
  async () => {
    const server = await serverWith('failing', { certificates: [{ names: ['elsewhere.test'] }] });
    const { fields } = await server.whenLogged('a certificate could not be had');
    expect(String(fields.reason)).not.toBe('');
    expect((await shown(server)).names).toContain('DNS:mx.test');
    dns.set('elsewhere.test', { A: ['127.0.0.1'] });
    await expect.poll(() => issued(server), patience).toBe(1);
  },
);
