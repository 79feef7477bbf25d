import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createMetrics } from '../services/metrics-registry.js';
import { playDialogue } from '../testing/dialogue.js';
import { startTestReceiver, type TestReceiver } from '../testing/test-receiver.js';
import type { ReceiverLimits } from './receiver.js';

let receiver: TestReceiver | undefined;
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await receiver?.close();
  receiver = undefined;
});

/** Opens a receiver; `first` gives what is said first to a client that comes from an address of loopback. */
async function open(limits: Partial<ReceiverLimits>) {
  const metrics = createMetrics();
  const opened = await startTestReceiver({ limits, metrics });
  receiver = opened;
  const first = (localAddress: string) =>
    new Promise<string>((resolve) => {
      const socket = connect({ port: opened.port, host: '127.0.0.1', localAddress });
      sockets.push(socket);
      let said = '';
      socket.on('data', (chunk) => {
        said += chunk.toString();
        if (said.endsWith('\r\n')) resolve(said);
      });
      socket.once('error', (error) => resolve(error.message));
    });
  const value = (name: string) => metrics.samples().find((sample) => sample.name === name)?.value;
  return { opened, first, value };
}

describe('connections over a limit are told 421 before anything else, and counted:', () => {
  it('in all', async () => {
    const { opened, first, value } = await open({ connectionsMax: 2 });
    expect(await first('127.0.0.1')).toMatch(/^220 /);
    expect(await first('127.0.1.1')).toMatch(/^220 /);
    expect(await first('127.0.2.1')).toBe('421 4.3.2 too many connections\r\n');
    expect(value('receive_overloads_total')).toBe(1);
    expect(value('receive_connections_open')).toBe(2);
    // Policy is not asked about those who are turned away.
    expect(opened.connections.opened).toBe(2);
  });

  it('from one network', async () => {
    const { first, value } = await open({ connectionsPerNetworkMax: 2 });
    expect(await first('127.0.0.1')).toMatch(/^220 /);
    expect(await first('127.0.0.2')).toMatch(/^220 /);
    expect(await first('127.0.0.3')).toBe('421 4.7.0 too many connections from your address\r\n');
    expect(await first('127.0.1.1')).toMatch(/^220 /);
    expect(value('receive_overloads_total')).toBe(1);
  });

  it('and let in again when others have gone', async () => {
    const { opened, first } = await open({ connectionsMax: 1 });
    await first('127.0.0.1');
    expect(await first('127.0.0.1')).toMatch(/^421 /);
    for (const socket of sockets.splice(0)) socket.destroy();
    await expect.poll(() => opened.connections.closed).toBe(1);
    expect(await first('127.0.0.1')).toMatch(/^220 /);
  });
});

it('while memory is short new connections hear 421, open ones 452 at MAIL, and both go on when there is some', async () => {
  const metrics = createMetrics();
  const memory = { used: 0.5, share: () => memory.used };
  const opened = await startTestReceiver({ metrics, memory, limits: { memoryShareMax: 0.8 } });
  receiver = opened;
  const value = (name: string) => metrics.samples().find((sample) => sample.name === name)?.value;
  const client = connect(opened.port, '127.0.0.1');
  sockets.push(client);
  let text = '';
  client.on('data', (chunk) => (text += chunk.toString()));
  client.write('EHLO c.example\r\n');
  await expect.poll(() => text).toMatch(/250 .*\r\n$/);
  memory.used = 0.81;
  await playDialogue({ port: opened.port }, 'S: 421 4.3.2 short of memory, try again later\nS: <closed>');
  client.write('MAIL FROM:<>\r\n');
  await expect.poll(() => text).toMatch(/452 4\.3\.1 short of memory, try again later\r\n$/);
  expect([value('receive_memory_share'), value('receive_overloads_total')]).toEqual([0.81, 1]);
  memory.used = 0.8;
  client.write('MAIL FROM:<>\r\n');
  await expect.poll(() => text).toMatch(/250 2\.0\.0 ok\r\n$/);
  await playDialogue({ port: opened.port }, 'S: 220 ...');
});
