/** One buffer for the answers of all sessions: what one client has not taken yet stays as it was. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { Scratch, scratchOctets } from './scratch.js';

test('a client that reads late gets its own octets, whatever others are sent meanwhile', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const open = async (): Promise<readonly [client: Socket, served: Socket]> => {
    const accepted = once(server, 'connection');
    const client = connect({ port, host: '127.0.0.1' });
    const [served] = (await accepted) as [Socket];
    return [client, served];
  };
  const scratch = new Scratch();
  const [slow, slowServed] = await open();
  const [quick, quickServed] = await open();
  try {
    slow.pause();
    quick.resume();
    const sent: Buffer[] = [];
    // Until the system takes no more of it.
    for (let at = 0; at < 2_000 && slowServed.writableLength === 0; at++) {
      const body = Buffer.alloc(scratchOctets - 2, 65 + (at % 26));
      sent.push(Buffer.concat([Buffer.from('+'), body, Buffer.from('.')]));
      scratch.write(slowServed, ['+', body, '.'], scratchOctets);
    }
    expect(slowServed.writableLength).toBeGreaterThan(0);
    for (let at = 0; at < 10; at++)
      scratch.write(quickServed, [Buffer.alloc(scratchOctets, 33)], scratchOctets);
    slowServed.end();
    const got: Buffer[] = [];
    for await (const chunk of slow) got.push(chunk as Buffer);
    expect(Buffer.concat(got).equals(Buffer.concat(sent))).toBe(true);
  } finally {
    for (const socket of [slow, slowServed, quick, quickServed]) socket.destroy();
    server.close();
    await once(server, 'close');
  }
});
