import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, TLSSocket as Secured } from 'node:tls';
import { ensureSelfSigned } from '@postroad/core';
import { createSeededRandom, createVirtualClock } from '@postroad/core/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CertificateKeeper } from '../src/certificate-keeper.js';
import { config, type TlsAcmeOptions } from '../src/options.js';
import type { PemPair } from '../src/pair.js';
import { withLock } from '../src/pair-files.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tls-acme-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const told: string[] = [];
const log = {
  debug() {},
  info() {},
  warn() {},
  error: (event: string) => void told.push(event),
  child: () => log,
};
const signal = new AbortController().signal;

async function pairFor(
  name: string,
): Promise<PemPair & { files: { certificateFile: string; keyFile: string } }> {
  const files = await ensureSelfSigned(join(directory, `made-${name}`), name, Date.now(), (file) =>
    readFile(file, 'utf8'),
  );
  return {
    files,
    chain: await readFile(files.certificateFile, 'utf8'),
    key: await readFile(files.keyFile, 'utf8'),
  };
}

function keeperWith(
  options: Partial<TlsAcmeOptions>,
  issue: () => Promise<PemPair> = async () => Promise.reject(new Error('no')),
) {
  const clock = createVirtualClock(Date.now());
  const keeper = new CertificateKeeper({
    config: config.parse({ directory, agreesToTerms: true, ...options }),
    hostname: 'mx.test',
    clock,
    random: createSeededRandom(1),
    log,
    issue,
  });
  return { keeper, clock };
}

const names = (keeper: CertificateKeeper) => keeper.entries.map(({ facts }) => facts.names[0]);

test('files are swapped when both fit, and a half or broken pair leaves the old one', async () => {
  const one = await pairFor('one.test');
  const two = await pairFor('two.test');
  const files = { certificateFile: join(directory, 'c.pem'), keyFile: join(directory, 'k.pem') };
  await copyFile(one.files.certificateFile, files.certificateFile);
  await copyFile(one.files.keyFile, files.keyFile);
  const { keeper } = keeperWith({ files: [files] });
  await keeper.refresh();
  expect(names(keeper)).toEqual(['one.test']);
  await copyFile(two.files.certificateFile, files.certificateFile);
  told.length = 0;
  await keeper.refresh();
  await keeper.refresh();
  expect(told).toEqual(['a certificate can not be used']);
  expect(names(keeper)).toEqual(['one.test']);
  await copyFile(two.files.keyFile, files.keyFile);
  await keeper.refresh();
  expect(names(keeper)).toEqual(['two.test']);
  await writeFile(files.keyFile, 'no key');
  await keeper.refresh();
  expect(names(keeper)).toEqual(['two.test']);
});

test('asks again with growing pauses, and takes what it gets', async () => {
  const pair = await pairFor('mx.test');
  let tries = 0;
  const { keeper, clock } = keeperWith(
    { certificates: [{ names: ['mx.test'] }], retryMs: 1_000 },
    async () => {
      tries++;
      if (tries < 3) throw new Error('the server is down');
      return pair;
    },
  );
  await keeper.refresh();
  for (let round = 0; round < 20; round++) {
    await keeper.renew(signal);
    clock.jump(clock.now() + 500);
  }
  expect(tries).toBe(3);
  expect(keeper.entries[0]?.pair.chain).toBe(pair.chain);
});

test('a certificate that is due is renewed by one process only', async () => {
  const pair = await pairFor('mx.test');
  let running = 0;
  let most = 0;
  let issued = 0;
  const issue = async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    issued++;
    return pair;
  };
  const keepers = [0, 1, 2].map(() => keeperWith({ certificates: [{ names: ['mx.test'] }] }, issue).keeper);
  await Promise.all(keepers.map((keeper) => keeper.renew(signal)));
  expect(most).toBe(1);
  expect(issued).toBe(1);
  for (const keeper of keepers) await keeper.refresh();
  expect(keepers.map(names)).toEqual(Array(3).fill(['mx.test']));
});

test('a lock of a process that died is not for ever', async () => {
  const file = join(directory, 'lock');
  await writeFile(file, '');
  const run = async () => undefined;
  expect(await withLock(file, Date.now(), 60_000, run)).toBe(false);
  expect(await withLock(file, Date.now() + 120_000, 60_000, run)).toBe(true);
});

/** One worker: its own keeper over the shared directory. */
async function listen(keeper: CertificateKeeper): Promise<{ port: number; close(): void }> {
  const sockets: Secured[] = [];
  const server = createTcpServer((socket) => {
    const secured = new Secured(socket, { isServer: true, secureContext: keeper.context() });
    sockets.push(secured);
    secured.on('error', () => secured.destroy());
    secured.on('secure', () => secured.write('hello'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

test('the strict profile refuses what the compatible one takes; nobody speaks TLS 1.1', async () => {
  const ask = async (profile: 'strict' | 'compatible', options: object): Promise<string> => {
    const { keeper } = keeperWith({ profile });
    await keeper.refresh();
    const worker = await listen(keeper);
    const socket = connect({ port: worker.port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
    const said = await new Promise<string>((resolve) => {
      socket.once('secureConnect', () => resolve(socket.getCipher().name));
      socket.once('error', () => resolve('refused'));
    });
    socket.destroy();
    worker.close();
    return said;
  };
  const old = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' };
  expect(await ask('strict', old)).toBe('refused');
  expect(await ask('compatible', old)).toBe('ECDHE-ECDSA-AES128-SHA256');
  const older = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
  expect(await ask('compatible', older)).toBe('refused');
});
