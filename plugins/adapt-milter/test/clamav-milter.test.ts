/** A real clamav-milter, over TCP, with a clamd of its own and one signature. */
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { adaptMilter } from '@postroad/adapt-milter';
import { accept, definePlugin, readBody } from '@postroad/core';
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

const missing =
  missingProgram('/usr/sbin/clamav-milter', 'clamav-milter') ??
  missingProgram('/usr/sbin/clamd', 'clamav-daemon');

let programs: Program[] = [];
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let port: number;

beforeAll(async () => {
  if (missing !== undefined) return;
  directory = await temporaryDirectory();
  const at = (name: string) => join(directory.path, name);
  for (const name of ['signatures', 'temporary']) await mkdir(at(name));
  const word = Buffer.from('postroad-evil-word').toString('hex');
  await writeFile(at('signatures/own.ndb'), `Test.Word:0:*:${word}\n`);
  const scannerPort = await freePort();
  await writeFile(
    at('clamd.conf'),
    `TCPSocket ${scannerPort}\nTCPAddr 127.0.0.1\nDatabaseDirectory ${at('signatures')}
TemporaryDirectory ${at('temporary')}\nForeground yes\nMaxThreads 2\n`,
  );
  port = await freePort();
  await writeFile(
    at('milter.conf'),
    `MilterSocket inet:${port}@127.0.0.1\nClamdSocket tcp:127.0.0.1:${scannerPort}\nForeground yes
TemporaryDirectory ${at('temporary')}\nOnInfected Reject\nRejectMsg found %v\nAddHeader Replace\n`,
  );
  const start = (command: string, file: string, listening: number) =>
    startProgram({ command, args: ['--config-file', at(file)], isReady: () => isOpen(listening) });
  programs = [await start('/usr/sbin/clamd', 'clamd.conf', scannerPort)];
  programs.push(await start('/usr/sbin/clamav-milter', 'milter.conf', port));
}, 90_000);
afterAll(async () => {
  for (const program of programs.reverse()) await program.stop();
  await directory?.[Symbol.asyncDispose]();
});

function isOpen(listening: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(listening, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

describe.skipIf(missing !== undefined)(`clamav-milter (${missing ?? 'here'})`, () => {
  it('adds its fields to clean mail, and refuses a virus with its own words', async () => {
    let queued = '';
    const watch = definePlugin({
      name: 'test-watch',
      setup({ tap }) {
        tap('recipient', () => accept());
        tap('header', async (message) => {
          // The first: a report that nobody could be reached may follow.
          queued ||= (await readBody(message.body, 100_000)).toString();
          return undefined;
        });
      },
    });
    const plugin = adaptMilter({ milters: [`127.0.0.1:${port}`], lookUpName: false });
    await using server = await startTestMta({ plugins: [plugin, watch()] });
    const send = (text: string) =>
      sendMessage({ port: server.port('relay'), content: `Subject: x\r\n\r\n${text}\r\n` });
    // It connects to its scanner after it has opened its own port.
    await expect.poll(async () => (await send('hello')).outcome, { timeout: 20_000 }).toMatch(/^250 /);
    expect(queued).toMatch(/\r\nX-Virus-Status: Clean\r\n/);
    expect((await send('postroad-evil-word')).outcome).toMatch(/^5\d\d 5\.7\.1 found Test\.Word/);
  });
});
