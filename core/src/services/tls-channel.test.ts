import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { directoryMemory } from '../memory/directory-memory.js';
import { scramClient } from '../sasl/scram-client.kit.js';
import { startTestMta, type TestMta } from '../testing/start-test-mta.js';
import { signatureHashOf } from './signature-hash.js';

describe('logins that are bound to their TLS channel', () => {
  let folder: string;
  let mta: TestMta;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tls-channel-'));
    mta = await startTestMta({
      tls: { selfSignedDirectory: folder },
      listeners: [{ name: 'submissions', port: 0, host: '127.0.0.1', role: 'submission', tls: 'implicit' }],
      plugins: [
        directoryMemory({
          accounts: [{ address: 'alice@example.org', password: 'pencil' }],
          scram: ['SHA-256', 'SHA-1'],
        }),
      ],
    });
  });
  afterAll(async () => {
    await mta.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Logs in with SCRAM-SHA-256-PLUS; the last answer. */
  async function logIn(
    version: 'TLSv1.2' | 'TLSv1.3',
    type: string,
    bindingOf: (socket: TLSSocket) => Uint8Array,
  ): Promise<string> {
    const socket = connect({
      ...{ port: mta.port('submissions'), host: '127.0.0.1', rejectUnauthorized: false },
      ...{ minVersion: version, maxVersion: version },
    });
    try {
      const lines = linesOf(socket);
      await lines.answer();
      socket.write('EHLO client.example\r\n');
      expect(await lines.answer()).toContain('SCRAM-SHA-256-PLUS');
      const header = `p=${type},,`;
      const common = { hash: 'sha256', login: 'alice@example.org', password: 'pencil', nonce: 'n' } as const;
      const client = scramClient({ ...common, header, binding: bindingOf(socket) });
      socket.write(`AUTH SCRAM-SHA-256-PLUS ${Buffer.from(client.first).toString('base64')}\r\n`);
      const challenge = await lines.answer();
      if (!challenge.startsWith('334 ')) return challenge;
      const final = client.final(Buffer.from(challenge.slice(4), 'base64').toString());
      socket.write(`${Buffer.from(final.message).toString('base64')}\r\n`);
      const proof = await lines.answer();
      if (!proof.startsWith('334 ')) return proof;
      expect(Buffer.from(proof.slice(4), 'base64').toString()).toBe(final.signature);
      socket.write('\r\n');
      return await lines.answer();
    } finally {
      socket.destroy();
    }
  }

  const exporter = (socket: TLSSocket) =>
    socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
  const endPoint = (socket: TLSSocket) => {
    const raw = socket.getPeerX509Certificate()?.raw ?? Buffer.alloc(0);
    return createHash(signatureHashOf(raw) ?? 'sha256')
      .update(raw)
      .digest();
  };

  it.each([
    ['TLSv1.3', 'tls-exporter', exporter],
    ['TLSv1.3', 'tls-server-end-point', endPoint],
    ['TLSv1.2', 'tls-server-end-point', endPoint],
  ] as const)('succeed over %s by %s', async (version, type, bindingOf) => {
    expect(await logIn(version, type, bindingOf)).toMatch(/^235 2\.7\.0/);
  });

  it('fail with the binding of another channel, and with one that this channel has not', async () => {
    expect(await logIn('TLSv1.3', 'tls-exporter', () => Buffer.alloc(32))).toMatch(/^535 5\.7\.8/);
    expect(await logIn('TLSv1.3', 'tls-server-end-point', exporter)).toMatch(/^535 5\.7\.8/);
    expect(await logIn('TLSv1.2', 'tls-exporter', exporter)).toMatch(/^501 5\.5\.2/);
    expect(await logIn('TLSv1.3', 'tls-unique', exporter)).toMatch(/^501 5\.5\.2/);
  });
});

describe('signatureHashOf', () => {
  it.each([
    ['nothing', ''],
    ['an endless length', '3080'],
    ['a length beyond the end', '3082ffff'],
    ['a sequence of nothing', '3000'],
    ['something else', '0203010203'],
  ])('finds no hash in %s', (_what, hex) => {
    expect(signatureHashOf(Buffer.from(hex, 'hex'))).toBeUndefined();
  });

  it.each([
    ['06092a864886f70d01010c', 'sha384'],
    ['06092a864886f70d010105', 'sha256'],
    ['06082a8648ce3d040303', 'sha384'],
    ['06032b6570', undefined],
  ])('of the algorithm %s is %s', (algorithm, hash) => {
    const wrap = (hex: string) => `30${(hex.length / 2).toString(16).padStart(2, '0')}${hex}`;
    expect(signatureHashOf(Buffer.from(wrap(wrap('0500') + wrap(algorithm)), 'hex'))).toBe(hash);
  });
});

/** Reads whole answers of SMTP, continued lines included. */
function linesOf(socket: TLSSocket) {
  let said = '';
  let wake = () => {};
  socket.on('data', (chunk) => {
    said += chunk;
    wake();
  });
  socket.on('close', () => wake());
  socket.on('error', () => wake());
  return {
    async answer(): Promise<string> {
      for (;;) {
        const match = /^(?:\d{3}-[^\n]*\n)*\d{3} [^\n]*\n/.exec(said);
        if (match !== null) {
          said = said.slice(match[0].length);
          return match[0].trimEnd();
        }
        if (socket.destroyed) throw new Error(`the server closed: ${said}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
