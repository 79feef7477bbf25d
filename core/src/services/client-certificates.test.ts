import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDirectoryMemory } from '../memory/directory-memory.js';
import { definePlugin } from '../plugin/define.js';
import { startTestMta } from '../testing/start-test-mta.js';
import { createVirtualClock } from '../testing/virtual-clock.js';
import { createClientAuthorities } from './client-certificates.js';
import { Directory } from './directory.js';
import { systemClock } from './system-clock.js';

const isMissing = spawnSync('openssl', ['version'], { timeout: 20_000 }).error !== undefined;

/** An authority and the certificates it signs, made by openssl. */
class TestAuthority {
  readonly folder = mkdtempSync(join(tmpdir(), 'client-authority-'));
  readonly file = join(this.folder, 'ca.pem');

  constructor() {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    this.#run([
      'req',
      '-x509',
      ...key,
      '-days',
      '2',
      '-subj',
      '/CN=Authority',
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
    ]);
  }

  /** Key and certificate of a client, in PEM. */
  sign(name: string, extensions: readonly string[]): { readonly key: string; readonly cert: string } {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    this.#run([
      'req',
      '-new',
      ...key,
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
    ]);
    writeFileSync(join(this.folder, `${name}.ext`), extensions.join('\n'));
    this.#run([
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'],
      ...['-days', '1', '-extfile', `${name}.ext`, '-out', `${name}.pem`],
    ]);
    const read = (file: string) => readFileSync(join(this.folder, file), 'utf8');
    return { key: read(`${name}.key`), cert: read(`${name}.pem`) };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #run(args: readonly string[]): void {
    execFileSync('openssl', args, { cwd: this.folder, stdio: 'pipe', timeout: 20_000 });
  }
}

describe.skipIf(isMissing)(
  `client certificates ${isMissing ? '(openssl IS NOT INSTALLED, SKIPPED)' : ''}`,
  () => {
    let own: TestAuthority;
    let other: TestAuthority;
    let alice: { readonly key: string; readonly cert: string };
    let stranger: { readonly key: string; readonly cert: string };
    beforeAll(() => {
      own = new TestAuthority();
      other = new TestAuthority();
      alice = own.sign('alice', ['subjectAltName=email:alice@example.org,email:a@other.example']);
      stranger = other.sign('mallory', ['subjectAltName=email:alice@example.org']);
    }, 60_000);
    afterAll(() => {
      own.remove();
      other.remove();
    });

    it('are believed when an authority of the file has signed them, they are valid, and for clients', async () => {
      const authorities = createClientAuthorities(own.file, systemClock);
      await authorities.start();
      const read = (pem: string) => authorities.read(new X509Certificate(pem));
      expect(read(alice.cert)).toMatchObject({
        subject: 'CN=alice',
        emails: ['alice@example.org', 'a@other.example'],
      });
      expect(read(stranger.cert)).toBeUndefined();
      expect(read(readFileSync(own.file, 'utf8'))).toBeUndefined();
      expect(read(own.sign('server', ['extendedKeyUsage=serverAuth']).cert)).toBeUndefined();
      expect(read(own.sign('bob', ['extendedKeyUsage=clientAuth']).cert)).toMatchObject({ emails: [] });
      const late = createClientAuthorities(own.file, createVirtualClock(systemClock.now() + 3 * 86_400_000));
      await late.start();
      expect(late.read(new X509Certificate(alice.cert))).toBeUndefined();
      const early = createClientAuthorities(own.file, createVirtualClock(systemClock.now() - 3 * 86_400_000));
      await early.start();
      expect(early.read(new X509Certificate(alice.cert))).toBeUndefined();
    });

    it('refuse the start without authorities', async () => {
      const notOne = join(own.folder, 'alice.pem');
      for (const file of [join(own.folder, 'none'), join(own.folder, 'alice.key'), notOne]) {
        await expect(createClientAuthorities(file, systemClock).start()).rejects.toMatchObject({
          code: 'E_TLS',
        });
      }
    });

    describe('log in by EXTERNAL', () => {
      async function talk(
        certificate: { readonly key: string; readonly cert: string } | undefined,
        lines: readonly string[],
      ): Promise<string> {
        const accounts = createDirectoryMemory([
          { address: 'alice@example.org', id: 'alice', password: 'x' },
          { address: 'bob@example.org', id: 'bob', password: 'x' },
        ]);
        const directory = definePlugin({
          name: 'auth-test',
          provides: [Directory],
          setup: ({ provide }) => provide(Directory, accounts),
        });
        const folder = mkdtempSync(join(tmpdir(), 'external-'));
        const mta = await startTestMta({
          tls: { selfSignedDirectory: folder },
          clientCertificates: { authoritiesFile: own.file },
          listeners: [{ port: 0, host: '127.0.0.1', role: 'submission', tls: 'implicit' }],
          plugins: [directory()],
        });
        const socket: TLSSocket = connect({
          ...{ port: mta.port('submission:0'), host: '127.0.0.1', rejectUnauthorized: false },
          ...certificate,
        });
        let said = '';
        try {
          const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
          socket.on('data', (chunk) => {
            said += chunk;
          });
          socket.on('error', () => undefined);
          socket.write(`${['EHLO client.example', ...lines, 'QUIT'].join('\r\n')}\r\n`);
          await closed;
          return said;
        } finally {
          await mta.stop();
          rmSync(folder, { recursive: true, force: true });
        }
      }

      it('as whoever the certificate names, with an initial response and without', async () => {
        const named = Buffer.from('alice@example.org').toString('base64');
        for (const lines of [['AUTH EXTERNAL ='], [`AUTH EXTERNAL ${named}`], ['AUTH EXTERNAL', '=']]) {
          const said = await talk(alice, lines);
          expect(said).toMatch(/250[- ]AUTH .*EXTERNAL/);
          expect(said).toContain('235 2.7.0');
        }
      });

      it('as nobody else, and not at all with a certificate of somebody else or none', async () => {
        const bob = Buffer.from('bob@example.org').toString('base64');
        expect(await talk(alice, [`AUTH EXTERNAL ${bob}`])).toContain('535 5.7.8');
        for (const certificate of [stranger, undefined]) {
          const said = await talk(certificate, ['AUTH EXTERNAL =']);
          expect(said).not.toMatch(/AUTH .*EXTERNAL/);
          expect(said).toContain('504 5.5.4');
        }
      });
    });
  },
);
