/** Clients that say with the last command that nothing more comes, and read on: Exim does, behind QUIT. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../services/system-clock.js';
import { makeTestCertificate } from '../testing/test-certificate.js';
import { startTestReceiver, type TestReceiver } from '../testing/test-receiver.js';

let receiver: TestReceiver | undefined;
afterEach(async () => {
  await receiver?.close();
  receiver = undefined;
});

/** All that is said to a client that writes everything, with the end of it, when it has been greeted. */
async function sayAll(port: number, text: string, version?: 'TLSv1.2' | 'TLSv1.3'): Promise<string> {
  let said = '';
  const listen = (socket: Socket) =>
    socket.on('data', (chunk) => {
      said += chunk.toString();
    });
  let socket = listen(connect(port, '127.0.0.1'));
  await expect.poll(() => said).toMatch(/^220 .*\r\n/);
  if (version !== undefined) {
    socket.write('EHLO c.example\r\nSTARTTLS\r\n');
    await expect.poll(() => said).toMatch(/^220 2\.0\.0 .*\r\n$/m);
    said = '';
    socket.removeAllListeners('data');
    const versions = { minVersion: version, maxVersion: version };
    socket = listen(connectTls({ socket, rejectUnauthorized: false, ...versions }));
    await once(socket, 'secureConnect');
  }
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

it.each(['TLSv1.2', 'TLSv1.3'] as const)('answers within %s too', async (version) => {
  receiver = await startTestReceiver({ policy: { hello }, certificate: await makeTestCertificate() });
  const said = await sayAll(
    receiver.port,
    'EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nBDAT 16 LAST\r\nSubject: x\r\n\r\n\r\nQUIT\r\n',
    version,
  );
  expect(said.match(/^\d{3} /gm)).toEqual(['250 ', '250 ', '250 ', '250 ', '221 ']);
  expect(receiver.messages).toHaveLength(1);
  await expect.poll(() => receiver?.connections.closed).toBe(1);
});
