/** A client that says with its last command that nothing more comes, and reads on. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { startHost } from './host.js';

async function sayAll(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
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
  const said = await sayAll(host.port, commands);
  const tagged = ['a OK', 'b OK', 'c OK', ...(last.includes('LOGOUT') ? ['d OK'] : [])];
  expect(said.match(/^[a-d] [A-Z]+/gm)).toEqual(tagged);
  expect(host.errors).toEqual([]);
});
