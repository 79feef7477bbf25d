/** A client that says with its last command that nothing more comes, and reads on. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect, test } from 'vitest';
import { startHost } from './host.js';
import { startImap } from './start-imap.js';

async function sayAll(socket: Socket, text: string): Promise<string> {
  let said = '';
  socket.on('data', (chunk) => {
    said += chunk.toString();
  });
  await expect.poll(() => said).toContain('\r\n');
  socket.end(text);
  await once(socket, 'close');
  return said;
}

test.each([
  ['LOGOUT', 'd LOGOUT\r\n'],
  ['nothing', ''],
  ['half a command', 'd NO'],
])('everything before the end is answered, and %s at it closes the connection', async (_what, last) => {
  await using host = await startHost();
  await host.deliver('Subject: m\n\nbody\n');
  const commands = `a LOGIN alice secret\r\nb SELECT INBOX\r\nc STORE 1 +FLAGS (\\Flagged)\r\n${last}`;
  const said = await sayAll(connect(host.port, '127.0.0.1'), commands);
  const tagged = ['a OK', 'b OK', 'c OK', ...(last.includes('LOGOUT') ? ['d OK'] : [])];
  expect(said.match(/^[a-d] [A-Z]+/gm)).toEqual(tagged);
  expect(host.errors).toEqual([]);
});

test('within TLS too', async () => {
  await using imap = await startImap();
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const how = { minVersion: version, maxVersion: version, rejectUnauthorized: false } as const;
    const socket = connectTls({ port: imap.tlsPort, host: '127.0.0.1', ...how });
    const login = 'a LOGIN alice@example.org "wonder land"\r\n';
    const said = await sayAll(socket, `${login}b SELECT INBOX\r\nc CREATE ${version}\r\nd LOGOUT\r\n`);
    expect(said.match(/^[a-d] [A-Z]+/gm), version).toEqual(['a OK', 'b OK', 'c OK', 'd OK']);
  }
});
