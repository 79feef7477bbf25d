import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type SecureVersion, TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from './clock.js';
import { createCertificates, type OwnedCertificates } from './file-certificates.js';
import type { LogFields, Logger } from './logger.js';
import { systemClock } from './system-clock.js';

describe('certificates', () => {
  let folder: string;
  let opened: OwnedCertificates[];
  let lines: { level: string; event: string; fields: LogFields | undefined }[];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'postroad-tls-'));
    opened = [];
    lines = [];
  });
  afterEach(async () => {
    for (const certificates of opened) certificates.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const at = (level: string) => (event: string, fields?: LogFields) => {
    lines.push({ level, event, fields });
  };
  const log: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => log,
  };

  async function open(options: Parameters<typeof createCertificates>[0], clock: Clock = systemClock) {
    const certificates = createCertificates(options, { hostname: 'Mail.example.org', clock, log });
    opened.push(certificates);
    await certificates.start();
    return certificates;
  }

  /** Another self-signed pair, as files to read from. */
  async function pairIn(name: string): Promise<{ certificateFile: string; keyFile: string }> {
    const directory = join(folder, name);
    (await open({ selfSignedDirectory: directory })).stop();
    return { certificateFile: join(directory, 'certificate.pem'), keyFile: join(directory, 'key.pem') };
  }

  it('are none without options', async () => {
    const certificates = await open(undefined);
    expect(certificates.isAvailable).toBe(false);
    expect(() => certificates.context()).toThrow(/no certificate/);
  });

  it('are made at the first start and kept', async () => {
    const directory = join(folder, 'deep', 'tls');
    const first = await open({ selfSignedDirectory: directory });
    expect(first.isAvailable).toBe(true);
    expect((await readdir(directory)).sort()).toEqual(['certificate.pem', 'key.pem']);
    expect((await stat(join(directory, 'key.pem'))).mode & 0o777).toBe(0o600);
    const pem = await readFile(join(directory, 'certificate.pem'), 'utf8');
    const certificate = new X509Certificate(pem);
    for (const name of ['mail.example.org', 'localhost']) expect(certificate.checkHost(name)).toBe(name);
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkIP('::1')).toBe('::1');
    expect(certificate.ca).toBe(false);
    expect(Date.parse(certificate.validTo) - systemClock.now()).toBeGreaterThan(3_650 * 86_400_000);
    expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    await open({ selfSignedDirectory: directory });
    expect(await readFile(join(directory, 'certificate.pem'), 'utf8')).toBe(pem);
  });

  it('are one pair for processes that start at once', async () => {
    const directory = join(folder, 'tls');
    const all = await Promise.all(Array.from({ length: 5 }, () => open({ selfSignedDirectory: directory })));
    expect(all).toHaveLength(5);
    expect((await readdir(directory)).sort()).toEqual(['certificate.pem', 'key.pem']);
    await rm(join(directory, 'certificate.pem'));
    await open({ selfSignedDirectory: directory });
  });

  it('are trusted by who trusts the file, for the host name and the loopback', async () => {
    const certificates = await open({ selfSignedDirectory: folder });
    const ca = await readFile(join(folder, 'certificate.pem'));
    expect(await handshake(certificates, { ca, servername: 'mail.example.org' })).toBe('TLSv1.3');
    expect(await handshake(certificates, { ca, servername: 'localhost' })).toBe('TLSv1.3');
    await expect(handshake(certificates, { ca, servername: 'other.example.org' })).rejects.toThrow(
      /altnames/,
    );
  });

  it('speak TLS 1.2 and 1.3 only', async () => {
    const certificates = await open({ selfSignedDirectory: folder });
    const only = (version: SecureVersion) =>
      handshake(certificates, {
        minVersion: version,
        maxVersion: version,
        rejectUnauthorized: false,
        ciphers: 'DEFAULT@SECLEVEL=0',
      });
    expect(await only('TLSv1.2')).toBe('TLSv1.2');
    expect(await only('TLSv1.3')).toBe('TLSv1.3');
    await expect(only('TLSv1.1')).rejects.toThrow();
    await expect(only('TLSv1')).rejects.toThrow();
  });

  it('are shown with the ciphers of their profile', async () => {
    const older = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' } as const;
    const modern = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' } as const;
    for (const profile of ['compatible', 'strict', undefined] as const) {
      const choice = profile === undefined ? {} : { profile };
      const certificates = await open({ selfSignedDirectory: folder, ...choice });
      const ca = await readFile(join(folder, 'certificate.pem'));
      const shake = (options: ConnectionOptions) => handshake(certificates, { ca, ...options });
      expect(await shake(modern), profile).toBe('TLSv1.2');
      if (profile === 'strict') await expect(shake(older)).rejects.toThrow(/alert/);
      else expect(await shake(older), profile).toBe('TLSv1.2');
    }
  });

  it('refuse to start with a file that is missing, empty, or of another pair, and name it', async () => {
    const pair = await pairIn('one');
    const other = await pairIn('two');
    const start = (certificateFile: string, keyFile: string) => open({ certificateFile, keyFile });
    const missing = join(folder, 'missing.pem');
    await expect(start(missing, pair.keyFile)).rejects.toMatchObject({
      code: 'E_TLS',
      message: expect.stringContaining(missing),
    });
    await expect(start(pair.certificateFile, missing)).rejects.toThrow(missing);
    await expect(start(pair.keyFile, pair.keyFile)).rejects.toThrow(/no certificate/);
    await expect(start(pair.certificateFile, pair.certificateFile)).rejects.toThrow(/no private key/);
    await expect(start(pair.certificateFile, other.keyFile)).rejects.toThrow(/is not that of/);
    await writeFile(missing, '');
    await expect(start(missing, pair.keyFile)).rejects.toThrow(/no certificate/);
    expect(JSON.stringify(lines)).not.toContain('PRIVATE KEY');
  });

  it('are swapped when both files have changed, and stay while only one has', async () => {
    const pair = await pairIn('one');
    const other = await pairIn('two');
    const certificates = await open(pair);
    const before = certificates.context();
    expect(await certificates.reload(), 'nothing has changed').toBe(false);
    await rename(other.certificateFile, pair.certificateFile);
    expect(await certificates.reload()).toBe(false);
    expect(await certificates.reload(), 'told once').toBe(false);
    expect(lines.filter((line) => line.level === 'error')).toHaveLength(1);
    expect(certificates.context()).toBe(before);
    await rename(other.keyFile, pair.keyFile);
    expect(await certificates.reload()).toBe(true);
    const ca = await readFile(pair.certificateFile);
    expect(await handshake(certificates, { ca, servername: 'localhost' })).toBe('TLSv1.3');
  });

  it('are chosen by the name that is asked for, each pair swapped for itself', async () => {
    const named = async (hostname: string) => {
      const directory = join(folder, hostname);
      const made = createCertificates(
        { selfSignedDirectory: directory },
        { hostname, clock: systemClock, log },
      );
      await made.start();
      made.stop();
      return { certificateFile: join(directory, 'certificate.pem'), keyFile: join(directory, 'key.pem') };
    };
    const [one, two, next] = [
      await named('one.example.org'),
      await named('two.example.org'),
      await named('three.example.org'),
    ];
    const certificates = await open({ certificates: [one, two] });
    const shown = async (servername: string) => {
      const ca = await readFile(one.certificateFile);
      return await handshake(certificates, { ca, servername }).then(
        () => 'one',
        (error: Error) => error.message,
      );
    };
    expect(await shown('one.example.org')).toBe('one');
    expect(await shown('two.example.org')).toMatch(/self.signed/i);
    expect(await shown('unknown.example.org'), 'the first').toMatch(/altnames.*one\.example\.org/s);
    expect(certificates.context()).toBe(certificates.context('one.example.org'));
    const [first, second] = [certificates.context(), certificates.context('two.example.org')];
    await rename(next.certificateFile, two.certificateFile);
    expect(await certificates.reload()).toBe(false);
    await rename(next.keyFile, two.keyFile);
    expect(await certificates.reload()).toBe(true);
    expect(certificates.context()).toBe(first);
    expect(certificates.context('three.example.org')).not.toBe(second);
    expect(certificates.context('two.example.org'), 'its certificate is gone').toBe(first);
    await expect(open({ certificates: [one, { ...two, keyFile: one.keyFile }] })).rejects.toThrow(
      /not that of/,
    );
    await expect(open({ certificates: [] })).rejects.toThrow(/names no certificates/);
  });

  it('are swapped without being asked', async () => {
    const pair = await pairIn('one');
    const other = await pairIn('two');
    const certificates = await open(pair);
    const before = certificates.context();
    await rename(other.certificateFile, pair.certificateFile);
    await rename(other.keyFile, pair.keyFile);
    await expect.poll(() => certificates.context() !== before, { timeout: 20_000 }).toBe(true);
  });

  it('tell when they have expired, or will soon', async () => {
    const pair = await pairIn('one');
    const later = (days: number): Clock => ({
      ...systemClock,
      now: () => systemClock.now() + days * 86_400_000,
    });
    await open(pair, later(3_645));
    expect(lines.at(-1)?.event).toBe('certificate expires soon');
    await open(pair, later(3_660));
    expect(lines.at(-1)?.event).toBe('certificate has expired');
  });

  it.skipIf(!hasOpenssl())('are read by openssl (skipped when it is not installed)', async () => {
    const { certificateFile } = await pairIn('one');
    const text = execFileSync('openssl', ['x509', '-in', certificateFile, '-noout', '-text'], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    expect(text).toContain('Mail.example.org');
    expect(text).toMatch(/DNS:mail\.example\.org, DNS:localhost, IP Address:127\.0\.0\.1/);
    const check = execFileSync('openssl', ['verify', '-CAfile', certificateFile, certificateFile], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    expect(check).toContain('OK');
  });
});

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore', timeout: 20_000 });
    return true;
  } catch {
    return false; // Not installed.
  }
}

/** The version of a handshake with a server that has the certificates; rejects as the client does. */
async function handshake(certificates: OwnedCertificates, options: ConnectionOptions): Promise<string> {
  // As listeners do: versions and ciphers are those of the first context, whatever SNI chooses.
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    const secured = new TLSSocket(socket, {
      isServer: true,
      secureContext: certificates.context(),
      SNICallback: (name, answer) => answer(null, certificates.context(name)),
    });
    secured.on('error', () => secured.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    servername: 'localhost',
    ...options,
  });
  try {
    await once(socket, 'secureConnect');
    return socket.getProtocol() ?? 'none';
  } finally {
    socket.destroy();
    server.close();
  }
}
