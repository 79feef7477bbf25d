/** The relay between a program and a smarthost that wants a login: a post office. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  alice,
  bob,
  messagesOf,
  type OpenPostOffice,
  openImap,
  openPostOffice,
} from '../../post-office/test/open-post-office.js';
import { addedFields } from '../../testing/octets.js';
import { poll } from '../../testing/poll.js';
import { sampleMessage } from '../../testing/sample-message.js';
import { openSmtp } from '../../testing/smtp-client.js';
import { type Program, startProgram } from '../../testing/start-program.js';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));

let office: OpenPostOffice;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'relay-'));
  office = await openPostOffice();
});

afterAll(async () => {
  await office?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

async function startRelay(...flags: readonly string[]): Promise<{ program: Program; port: number }> {
  const ports = ['--port', '0', '--submission-port', '0', '--data', join(directory, 'data')];
  const smarthost = ['--smarthost', `localhost:${office.ports.submission}`];
  const trust = ['--ca-file', join(office.directory, 'tls', 'certificate.pem')];
  const program = startProgram(main, [...ports, ...smarthost, ...trust, ...flags], {
    environment: { RELAY_LOGIN: alice.login, RELAY_PASSWORD: alice.password },
  });
  const [, port] = await program.whenSaid(/^ {2}relay +127\.0\.0\.1:(\d+)$/m);
  await program.whenSaid(/Ctrl-C stops it/);
  return { program, port: Number(port) };
}

async function handIn(port: number, message: Buffer): Promise<string> {
  const client = await openSmtp(port);
  await client.say('EHLO program.test');
  await client.say(`MAIL FROM:<${alice.login}>`);
  await client.say(`RCPT TO:<${bob.login}>`);
  await client.say('DATA');
  client.write(message.toString('latin1').replace(/^\./gm, '..'));
  const answer = await client.say('.');
  client.close();
  return answer;
}

/** The message with this subject in bob's inbox. */
async function arrival(subject: string): Promise<Buffer> {
  const client = await openImap(office.ports.imap, bob);
  const arrived = await poll('the message arrives', async () => {
    const messages = await messagesOf(client);
    return messages.find((message) => message.includes(`\r\nSubject: ${subject}\r\n`));
  });
  await client.logout();
  return arrived;
}

it('takes mail without a login and passes it on with one', async () => {
  const { program, port } = await startRelay();
  await using relay = program;
  const message = await sampleMessage('through the relay');
  expect(await handIn(port, message)).toMatch(/^250 2\.0\.0 /);
  const arrived = await arrival('through the relay');
  expect(addedFields(arrived, message)).toEqual(['Return-Path', 'Received', 'Received']);
  // The smarthost saw a login over TLS (RFC 3848).
  expect(arrived.toString()).toMatch(/with ESMTPSA id/);
  expect(relay.said()).not.toContain(alice.password);
  expect(await relay.end()).toEqual({ status: 0, signal: null });
});

it('keeps what the smarthost can not take now, over its own end too', async () => {
  const first = await startRelay();
  await office.kill();
  const message = await sampleMessage('patience', { attachmentBytes: 1_000 });
  expect(await handIn(first.port, message)).toMatch(/^250 2\.0\.0 /);
  await first.program.end('SIGKILL');
  await office.restart();
  const second = await startRelay();
  await using _relay = second.program;
  const arrived = await arrival('patience');
  expect(addedFields(arrived, message)).toEqual(['Return-Path', 'Received', 'Received']);
});

it('relays for nobody whom it was not told to trust', async () => {
  const { program, port } = await startRelay('--trust', '192.0.2.0/24');
  await using _relay = program;
  const client = await openSmtp(port);
  await client.say('EHLO stranger.test');
  await client.say('MAIL FROM:<alice@example.org>');
  expect(await client.say('RCPT TO:<bob@example.org>')).toMatch(/^550 5\.7\.1 /);
  client.close();
});

it('says what it is and what it lacks', async () => {
  const programs = [
    startProgram(main, ['--help']),
    startProgram(main),
    startProgram(main, ['--login', 'me']),
  ];
  const ends = await Promise.all(programs.map((program) => program.ended));
  expect(ends.map(({ status }) => status)).toEqual([0, 64, 64]);
  expect(programs[0]?.said()).toContain('--smarthost HOST:PORT');
  expect(programs[1]?.said()).toContain('--smarthost is missing');
  expect(programs[2]?.said()).toContain('go together');
});
