/** A real postgrey: what it has not seen is deferred, and comes through after its delay. */
import { connect } from 'node:net';
import { adaptPostfixPolicy } from '@postroad/adapt-postfix-policy';
import { accept, definePlugin } from '@postroad/core';
import {
  freePort,
  missingProgram,
  type Program,
  sendMessage,
  startProgram,
  startTestMta,
  temporaryDirectory,
} from '@postroad/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const missing = missingProgram('/usr/sbin/postgrey', 'postgrey');

let program: Program;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let port: number;

beforeAll(async () => {
  if (missing !== undefined) return;
  directory = await temporaryDirectory();
  port = await freePort();
  const own = process.getuid?.() === 0 ? ['--user=root', '--group=root'] : [];
  program = await startProgram({
    command: '/usr/sbin/postgrey',
    args: [
      `--inet=127.0.0.1:${port}`,
      `--dbdir=${directory.path}`,
      '--delay=1',
      '--auto-whitelist-clients=0',
      ...own,
    ],
    isReady: () =>
      new Promise((resolve) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.destroy();
          resolve(true);
        });
        socket.once('error', () => resolve(false));
      }),
  });
}, 90_000);
afterAll(async () => {
  await program?.stop();
  await directory?.[Symbol.asyncDispose]();
});

describe.skipIf(missing !== undefined)(`postgrey (${missing ?? 'here'})`, () => {
  it('defers, then lets the same sender through with its field', async () => {
    let prefix = '';
    const watch = definePlugin({
      name: 'test-watch',
      setup({ tap }) {
        tap('recipient', () => accept());
        tap('enqueued', (message) => {
          prefix = message.headerPrefix;
        });
      },
    });
    const service = { name: 'postgrey', servers: [`127.0.0.1:${port}`] };
    const plugin = adaptPostfixPolicy({ services: [service], lookUpName: false });
    await using server = await startTestMta({ plugins: [plugin, watch()] });
    const send = async () => (await sendMessage({ port: server.port('relay') })).outcome;
    expect(await send()).toMatch(/^450 4\.\d\.\d Greylisted/);
    await expect.poll(send, { timeout: 20_000, interval: 300 }).toMatch(/^250 /);
    await expect.poll(() => prefix).toMatch(/^X-Greylist: delayed \d+ seconds by postgrey/m);
  });
});
