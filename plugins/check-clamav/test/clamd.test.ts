/** A real clamd with a signature database of our own making. */
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { checkClamav } from '@postroad/check-clamav';
import { accept, definePlugin, type Finding } from '@postroad/core';
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

const missing = missingProgram('/usr/sbin/clamd', 'clamav-daemon');
// The test file of EICAR, in two halves so that this file is none.
const eicar = ['X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-', 'STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'].join('');
const hex = (text: string) => Buffer.from(text).toString('hex');
const signatures = [
  `Test.Eicar:0:*:${hex(eicar.slice(0, 40))}`,
  `Test.Word:0:*:${hex('postroad-evil-word')}`,
  `Heuristics.Test:0:*:${hex('postroad-odd-word')}`,
];

let program: Program;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let port: number;
let socketPath: string;

beforeAll(async () => {
  if (missing !== undefined) return;
  directory = await temporaryDirectory();
  const at = (name: string) => join(directory.path, name);
  port = await freePort();
  socketPath = at('clamd.sock');
  await mkdir(at('signatures'));
  await mkdir(at('temporary'));
  await writeFile(at('signatures/own.ndb'), `${signatures.join('\n')}\n`);
  await writeFile(
    at('clamd.conf'),
    `TCPSocket ${port}\nTCPAddr 127.0.0.1\nLocalSocket ${socketPath}\nDatabaseDirectory ${at('signatures')}
TemporaryDirectory ${at('temporary')}\nForeground yes\nStreamMaxLength 1M\nMaxThreads 2\n`,
  );
  program = await startProgram({
    command: '/usr/sbin/clamd',
    args: ['--config-file', at('clamd.conf')],
    isReady: () => ping(port),
  });
}, 90_000);
afterAll(async () => {
  await program?.stop();
  await directory?.[Symbol.asyncDispose]();
});

function ping(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('zPING\0'));
    socket.once('data', (chunk) => {
      socket.destroy();
      resolve(chunk.toString().startsWith('PONG'));
    });
    socket.once('error', () => resolve(false));
  });
}

async function send(text: string, options: Partial<Parameters<typeof checkClamav>[0]> = {}) {
  let findings: readonly Finding[] = [];
  const watch = definePlugin({
    name: 'test-watch',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap(
        'message',
        (_message, found) => {
          findings = found;
          return undefined;
        },
        { order: 'early' },
      );
    },
  });
  const plugin = checkClamav({ servers: [`127.0.0.1:${port}`], ...options });
  await using server = await startTestMta({ plugins: [plugin, watch()] });
  const { outcome } = await sendMessage({
    port: server.port('relay'),
    content: `Subject: x\r\n\r\n${text}\r\n`,
  });
  return { outcome, findings };
}

describe.skipIf(missing !== undefined)(`clamd (${missing ?? 'here'})`, () => {
  it('lets clean mail pass', async () => {
    const { outcome, findings } = await send('hello');
    expect(outcome).toMatch(/^250 /);
    expect(findings).toEqual([{ source: 'clamav', result: 'clean' }]);
  });

  it('refuses the EICAR test file, in the clear and as an attachment', async () => {
    const { outcome, findings } = await send(eicar);
    expect(outcome).toBe('550 5.7.1 message refused, it contains malware');
    expect(findings).toEqual([
      { source: 'clamav', result: 'infected', score: 100, text: 'Test.Eicar.UNOFFICIAL' },
    ]);
    const part = Buffer.from(eicar).toString('base64');
    const attached = `Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream; name=a.com\r\nContent-Transfer-Encoding: base64\r\n\r\n${part}`;
    const plugin = checkClamav({ servers: [`127.0.0.1:${port}`] });
    const accepting = definePlugin({
      name: 'test-accept',
      setup: ({ tap }) => tap('recipient', () => accept()),
    });
    await using server = await startTestMta({ plugins: [plugin, accepting()] });
    const answers = await sendMessage({ port: server.port('relay'), content: `${attached}\r\n` });
    expect(answers.outcome).toMatch(/^550 /);
  });

  it('asks by unix socket, and the next server when one is down', async () => {
    const servers = [`127.0.0.1:${await freePort()}`, `unix:${socketPath}`];
    expect((await send('postroad-evil-word', { servers, order: 'first' })).outcome).toMatch(/^550 /);
  });

  it('leaves what is ignored, and gives a score instead of a refusal', async () => {
    const ignored = await send('postroad-odd-word', { ignore: ['Heuristics.*'] });
    expect(ignored.outcome).toMatch(/^250 /);
    expect(ignored.findings[0]).toMatchObject({ result: 'ignored' });
    const scored = await send('postroad-evil-word', { onVirus: 'accept', score: 7 });
    expect(scored.outcome).toMatch(/^250 /);
    expect(scored.findings[0]).toMatchObject({ result: 'infected', score: 7 });
    expect((await send('postroad-evil-word', { onVirus: 'discard' })).outcome).toMatch(/^250 /);
  });

  it('defers what clamd finds too long, unless it is not to be scanned', async () => {
    const long = `${'x'.repeat(900)}\r\n`.repeat(2_500);
    expect((await send(long)).outcome).toMatch(/^451 /);
    expect((await send(long, { onError: 'skip' })).outcome).toMatch(/^250 /);
    const skipped = await send(long, { sizeBytesMax: 1_000_000 });
    expect(skipped.outcome).toMatch(/^250 /);
    expect(skipped.findings[0]).toMatchObject({ result: 'skipped' });
  });
});
