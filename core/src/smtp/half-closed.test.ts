/** Clients that say with the last command that nothing more comes, and read on: Exim does, behind QUIT. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../services/system-clock.js';
import { startTestReceiver, type TestReceiver } from '../testing/test-receiver.js';

let receiver: TestReceiver | undefined;
afterEach(async () => {
  await receiver?.close();
  receiver = undefined;
});

/** All that is said to a client that writes everything, with the end of it, when it has been greeted. */
async function sayAll(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let said = '';
  socket.on('data', (chunk) => {
    said += chunk.toString();
  });
  await expect.poll(() => said).toMatch(/^220 .*\r\n/);
  socket.end(text);
  await once(socket, 'close');
  return said;
}

/** Slow enough that the end has come long before the first answer. */
const hello = () => systemClock.sleep(50).then(() => undefined);

it('answers everything that came before the end', async () => {
  receiver = await startTestReceiver({ policy: { hello } });
  const said = await sayAll(
    receiver.port,
    'EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nBDAT 16 LAST\r\nSubject: x\r\n\r\n\r\nQUIT\r\n',
  );
  expect(said.match(/^\d{3} /gm)).toEqual(['220 ', '250 ', '250 ', '250 ', '250 ', '221 ']);
  expect(receiver.messages).toHaveLength(1);
  await expect.poll(() => receiver?.connections.closed).toBe(1);
});

it('ends behind the last answer when nobody says QUIT, and takes no message that has not ended', async () => {
  receiver = await startTestReceiver({ policy: { hello } });
  const said = await sayAll(
    receiver.port,
    'EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nBDAT 17 LAST\r\nSubject: x\r\n\r\n\r\n',
  );
  expect(said.match(/^\d{3} /gm)).toEqual(['220 ', '250 ', '250 ', '250 ']);
  expect(receiver.messages).toHaveLength(0);
  await expect.poll(() => receiver?.connections.closed).toBe(1);
});

it('ends at once when nothing is under way', async () => {
  receiver = await startTestReceiver();
  expect(await sayAll(receiver.port, '')).toMatch(/^220 [^\n]*\n$/);
  await expect.poll(() => receiver?.connections.closed).toBe(1);
});
