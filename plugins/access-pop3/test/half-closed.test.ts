/** A client that says with its last command that nothing more comes, and reads on. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect, it } from 'vitest';
import { startWithMail, uidsOf } from './start-pop3.js';

it.each([
  ['QUIT, which deletes', 'QUIT\r\n', 2, undefined],
  ['nothing, which deletes nothing', '', 3, undefined],
  ['QUIT within TLS 1.2', 'QUIT\r\n', 2, 'TLSv1.2'],
  ['QUIT within TLS 1.3', 'QUIT\r\n', 2, 'TLSv1.3'],
] as const)('everything before the end is answered, then comes %s', async (_what, last, kept, version) => {
  await using pop3 = await startWithMail();
  const tls = { minVersion: version, maxVersion: version, rejectUnauthorized: false } as const;
  const socket =
    version === undefined
      ? connect(pop3.port, '127.0.0.1')
      : connectTls({ port: pop3.tlsPort, host: '127.0.0.1', ...tls });
  let said = '';
  socket.on('data', (chunk) => {
    said += chunk.toString();
  });
  await expect.poll(() => said).toContain('\r\n');
  socket.end(`USER alice@example.org\r\nPASS wonder land\r\nDELE 1\r\n${last}`);
  await once(socket, 'close');
  expect(said.match(/^\+OK/gm)).toHaveLength(last === '' ? 4 : 5);
  await expect.poll(() => uidsOf(pop3.store)).toHaveLength(kept);
});
