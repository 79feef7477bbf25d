/** What proves a name by tls-alpn-01, on a listener that serves something else. */
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { makeTestCertificate, startTestMta, temporaryDirectory } from '@postroad/core/testing';
import { expect, test } from 'vitest';
import { tlsAcme } from '../src/tls-acme.js';

test('a proof is shown with TLS 1.2 and 1.3, to who asks for it', async () => {
  await using folder = await temporaryDirectory();
  const server = await startTestMta({
    plugins: [
      tlsAcme({
        ...{ directory: folder.path, agreesToTerms: true, checkMs: 60_000, alpn: 'shared' },
        certificates: [{ names: ['proof.test'], challenge: 'tls-alpn-01' }],
      }),
    ],
    listeners: [{ name: 'relay', host: '127.0.0.1', port: 0, role: 'relay', tls: 'implicit' }],
  });
  try {
    const { key, cert } = await makeTestCertificate({ hostname: 'proof.test' });
    await mkdir(join(folder.path, 'proofs'));
    await writeFile(join(folder.path, 'proofs', 'proof.test.pem'), `${key}${cert}`);
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const ask = async (ALPNProtocols: string[]) => {
        const socket = connect({
          ...{ port: server.port('relay'), host: '127.0.0.1', rejectUnauthorized: false },
          ...{ servername: 'proof.test', minVersion: version, maxVersion: version, ALPNProtocols },
        });
        await once(socket, 'secureConnect');
        const shown = [String(socket.getPeerCertificate().subject.CN), socket.alpnProtocol];
        if (shown[1] === 'acme-tls/1') {
          let said = '';
          socket.on('data', (chunk) => {
            said += chunk;
          });
          await once(socket, 'close');
          expect(said, 'nothing is served').toBe('');
        }
        socket.destroy();
        return shown;
      };
      expect(await ask(['acme-tls/1'])).toEqual(['proof.test', 'acme-tls/1']);
      expect(await ask(['smtp'])).toEqual(['mx.test', 'smtp']);
    }
  } finally {
    await server.stop();
  }
});
