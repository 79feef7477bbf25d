/** Clients that no one here wrote send: what arrives is, below the added header fields, octet for octet what was sent. */
import { spawnSync } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { addedFields, withLf } from '../../testing/octets.js';
import { poll } from '../../testing/poll.js';
import { missingPrograms, runToolWell, titleWith } from '../../testing/run-tool.js';
import { sampleMessage } from '../../testing/sample-message.js';
import {
  alice,
  bob,
  messagesOf,
  type OpenPostOffice,
  openImap,
  openPostOffice,
  type PortName,
} from './open-post-office.js';

let office: OpenPostOffice;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'clients-'));
  office = await openPostOffice();
});

afterAll(async () => {
  await office?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const host = '127.0.0.1';
const at = (name: PortName) => `${host}:${office.ports[name]}`;

/** A file that only its owner may read, as clients ask of what holds a password. */
async function ownFile(name: string, lines: readonly string[]): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, `${lines.join('\n')}\n`);
  await chmod(path, 0o600);
  return path;
}

/** Looks into bob's inbox until it holds a message with this subject. */
async function arrived(subject: string): Promise<Buffer> {
  const client = await openImap(office.ports.imap, bob);
  try {
    return await poll(`a message arrives: ${subject}`, async () => {
      const messages = await messagesOf(client);
      return messages.find((message) => message.includes(`\r\nSubject: ${subject}\r\n`));
    });
  } finally {
    await client.logout();
  }
}

/** The trace of a submitted message that lacked nothing. */
const trace = ['Return-Path', 'Received'];

const swaks = missingPrograms('swaks');
it.skipIf(swaks.length > 0)(titleWith('with swaks in the clear, on loopback', swaks), async () => {
  const message = await sampleMessage('by swaks');
  const file = join(directory, 'swaks.eml');
  // It ends the data with a line end of its own.
  await writeFile(file, message.subarray(0, -2));
  const login = ['--auth', 'PLAIN', '--auth-user', alice.login, '--auth-password', alice.password];
  const path = ['--from', alice.login, '--to', bob.login];
  const server = ['--server', host, '--port', String(office.ports.submission)];
  await runToolWell('swaks', [...server, ...login, ...path, '--data', `@${file}`]);
  expect(addedFields(await arrived('by swaks'), message)).toEqual(trace);
});

const swaksTls = [...swaks, ...missingPerl('Net::SSLeay')];
it.skipIf(swaksTls.length > 0)(
  titleWith('with swaks over TLS, which attaches a file', swaksTls),
  async () => {
    const attached = Buffer.from('Post roads had stages where mail changed horses.\n'.repeat(100));
    const file = join(directory, 'stages.txt');
    await writeFile(file, attached);
    const login = ['--auth', 'LOGIN', '--auth-user', alice.login, '--auth-password', alice.password];
    const path = ['--from', alice.login, '--to', bob.login, '--h-Subject', 'a file from swaks'];
    const server = ['--server', host, '--port', String(office.ports.submissions), '--tls-on-connect'];
    await runToolWell('swaks', [...server, ...login, ...path, '--attach', `@${file}`]);
    const message = (await arrived('a file from swaks')).toString();
    const encoded = /base64\r\n\r\n([A-Za-z0-9+/=\r\n]+)\r\n--/i.exec(message)?.[1] ?? '';
    expect(Buffer.from(encoded, 'base64').toString()).toBe(attached.toString());
  },
);

const msmtp = missingPrograms('msmtp');
it.skipIf(msmtp.length > 0)(titleWith('with msmtp, TLS from the start', msmtp), async () => {
  const message = await sampleMessage('by msmtp');
  const settings = await ownFile('msmtprc', [
    'defaults',
    'auth plain',
    'tls on',
    'tls_starttls off',
    'tls_certcheck off',
    'account office',
    `host ${host}`,
    `port ${office.ports.submissions}`,
    `user ${alice.login}`,
    `password ${alice.password}`,
    `from ${alice.login}`,
  ]);
  await runToolWell('msmtp', ['-C', settings, '-a', 'office', '--', bob.login], { input: withLf(message) });
  expect(addedFields(await arrived('by msmtp'), message)).toEqual(trace);
});

const curl = missingPrograms('curl');
it.skipIf(curl.length > 0)(titleWith('with curl over STARTTLS', curl), async () => {
  const message = await sampleMessage('by curl');
  const path = ['--mail-from', alice.login, '--mail-rcpt', bob.login];
  const login = ['--user', `${alice.login}:${alice.password}`, '--ssl-reqd', '--insecure'];
  const url = `smtp://${at('submission')}/client.test`;
  await runToolWell('curl', ['-sS', '--url', url, ...login, ...path, '-T', '-'], { input: message });
  expect(addedFields(await arrived('by curl'), message)).toEqual(trace);
});

it('with nodemailer, many messages on one connection', async () => {
  const transport = createTransport({
    pool: true,
    maxConnections: 1,
    host,
    port: office.ports.submission,
    auth: { user: alice.login, pass: alice.password },
    tls: { rejectUnauthorized: false },
  });
  const subjects = ['one by nodemailer', 'two by nodemailer', 'three by nodemailer'];
  const messages = await Promise.all(subjects.map((subject) => sampleMessage(subject)));
  const envelope = { from: alice.login, to: bob.login };
  await Promise.all(messages.map((raw) => transport.sendMail({ envelope, raw })));
  transport.close();
  for (const [index, message] of messages.entries())
    expect(addedFields(await arrived(subjects[index] ?? ''), message)).toEqual(trace);
});

it('adds a date and an id to a submitted message that has none', async () => {
  const transport = createTransport({
    host,
    port: office.ports.submission,
    auth: { user: alice.login, pass: alice.password },
    tls: { rejectUnauthorized: false },
  });
  const raw = Buffer.from('From: alice@example.org\r\nSubject: bare\r\n\r\nno more\r\n');
  await transport.sendMail({ envelope: { from: alice.login, to: bob.login }, raw });
  expect(addedFields(await arrived('bare'), raw)).toEqual([...trace, 'Date', 'Message-ID']);
});

/** A Perl module that a tool needs and that is not there. */
function missingPerl(module: string): readonly string[] {
  return spawnSync('perl', [`-M${module}`, '-e', '1'], { timeout: 20_000 }).status === 0
    ? []
    : [`Perl's ${module}`];
}
