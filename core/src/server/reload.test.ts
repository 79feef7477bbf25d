/** Reloading while clients are at work. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { definePlugin } from '../plugin/define.js';
import { MailboxStore } from '../services/mailbox-store.js';
import { Metrics } from '../services/metrics.js';
import { startTestMta } from '../testing/start-test-mta.js';
import { accept } from '../values/verdict.js';

const takeAll = definePlugin({
  name: 'take-all',
  setup({ tap }) {
    tap('recipient', async () => accept());
    tap('route', () => ({ transport: 'local', accountId: 'all' }));
  },
});

/** Sends messages one after another over one connection; resolves with the replies that were not as they should be. */
async function sendMany(port: number, count: number): Promise<readonly string[]> {
  const socket = connect(port, '127.0.0.1');
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const bad: string[] = [];
  const expectCode = async (code: string) => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true) return void bad.push('closed');
      if (value[3] === '-') continue;
      if (!value.startsWith(code)) bad.push(value);
      return;
    }
  };
  const say = async (line: string, code: string) => {
    socket.write(`${line}\r\n`);
    await expectCode(code);
  };
  await expectCode('220');
  await say('EHLO client.test', '250');
  for (let sent = 0; sent < count && bad.length === 0; sent++) {
    await say('MAIL FROM:<a@b.test>', '250');
    await say('RCPT TO:<x@y.test>', '250');
    await say('DATA', '354');
    await say(`Subject: ${sent}\r\n\r\nbody\r\n.`, '250');
  }
  await say('QUIT', '221');
  if (!socket.closed) await once(socket, 'close');
  return bad;
}

it('breaks no connection and loses no message, however often it happens', async () => {
  let store: MailboxStore | undefined;
  const peek = definePlugin({
    name: 'peek',
    needs: { store: MailboxStore },
    setup({ services }) {
      store = services.store;
    },
  });
  const listeners = [{ name: 'relay', host: '127.0.0.1', port: 0, role: 'relay' }] as const;
  await using server = await startTestMta({ plugins: [takeAll(), peek()], listeners });
  const port = server.port('relay');
  const clients = Array.from({ length: 8 }, () => sendMany(port, 25));
  for (let reload = 1; reload <= 6; reload++) {
    const plugins = [...server.engines, takeAll(), peek()];
    await server.mta.reload({ hostname: `mx${reload}.test`, plugins, listeners });
  }
  const late = sendMany(port, 5);
  expect(await Promise.all([...clients, late])).toEqual(Array.from({ length: 9 }, () => []));
  await expect
    .poll(async () => (await store?.mailboxByName('all', 'INBOX'))?.messages, { timeout: 20_000 })
    .toBe(205);
});

it('counts the open connections of both generations', async () => {
  const seen: { metrics?: Metrics } = {};
  const watch = definePlugin({
    name: 'watch',
    needs: { metrics: Metrics },
    setup({ services }) {
      seen.metrics = services.metrics;
    },
  });
  const open = () => seen.metrics?.samples().find(({ name }) => name === 'receive_connections_open')?.value;
  const listeners = [{ name: 'relay', host: '127.0.0.1', port: 0, role: 'relay' }] as const;
  await using server = await startTestMta({ plugins: [watch()], listeners });
  const port = server.port('relay');
  const greeted = async () => {
    const socket = connect(port, '127.0.0.1');
    const [greeting] = (await once(socket, 'data')) as [Buffer];
    return { socket, greeting: greeting.toString() };
  };
  const early = [await greeted(), await greeted()];
  expect(open()).toBe(2);
  const plugins = [...server.engines, watch()];
  const reloading = server.mta.reload({ hostname: 'mx2.test', plugins, listeners });
  let late = await greeted();
  while (!late.greeting.startsWith('220 mx2.test')) {
    early.push(late);
    late = await greeted();
  }
  expect(open()).toBe(early.length + 1);
  for (const { socket } of early) socket.destroy();
  await expect.poll(open).toBe(1);
  await reloading;
  expect(open()).toBe(1);
  late.socket.destroy();
  await expect.poll(open).toBe(0);
});
