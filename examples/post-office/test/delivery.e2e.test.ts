/** To other domains: a server that is down is waited for, and what can't be delivered comes back with the reason. */
import { fileURLToPath } from 'node:url';
import { type DnsServer, startDnsServer } from '@postroad/core/testing';
import { createTransport } from 'nodemailer';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort } from '../../testing/free-port.js';
import { addedFields } from '../../testing/octets.js';
import { poll } from '../../testing/poll.js';
import { runToolWell } from '../../testing/run-tool.js';
import { sampleMessage } from '../../testing/sample-message.js';
import { alice, messagesOf, type OpenPostOffice, openImap, openPostOffice } from './open-post-office.js';

const postroad = fileURLToPath(new URL('../../../core/bin/postroad.js', import.meta.url));

let dns: DnsServer | undefined;
const offices: OpenPostOffice[] = [];

afterEach(async () => {
  for (const office of offices.splice(0)) await office[Symbol.asyncDispose]();
  await dns?.close();
  dns = undefined;
});

/** The office of example.org, where elsewhere.test has its MX on loopback and `mxPort`. */
async function openHome(mxPort: number): Promise<OpenPostOffice> {
  dns = await startDnsServer({
    'elsewhere.test': { MX: [{ preference: 10, exchange: 'mx.elsewhere.test' }] },
    'mx.elsewhere.test': { A: ['127.0.0.1'] },
  });
  const port = ['--mx-port', String(mxPort), '--mx-private'];
  return open('--dns', dns.address, '--retry', '0.3', ...port);
}

async function open(...flags: readonly string[]): Promise<OpenPostOffice> {
  const office = await openPostOffice(...flags);
  offices.push(office);
  return office;
}

async function send(office: OpenPostOffice, to: string, raw: Buffer): Promise<void> {
  const transport = createTransport({
    host: '127.0.0.1',
    port: office.ports.submission,
    auth: { user: alice.login, pass: alice.password },
    tls: { rejectUnauthorized: false },
  });
  await transport.sendMail({ envelope: { from: alice.login, to }, raw });
}

/** What `postroad queue list --json` says, a record a line. */
async function queueOf(office: OpenPostOffice): Promise<readonly Record<string, unknown>[]> {
  const socket = `${office.directory}/control.sock`;
  const output = await runToolWell(process.execPath, [
    postroad,
    'queue',
    'list',
    '--json',
    '--socket',
    socket,
  ]);
  const lines = output.toString().split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function firstMessage(office: OpenPostOffice, login: string): Promise<Buffer> {
  const client = await openImap(office.ports.imap, { ...alice, login });
  try {
    return await poll(`a message in the inbox of ${login}`, async () => (await messagesOf(client))[0]);
  } finally {
    await client.logout();
  }
}

describe('a message to a domain whose server is down', () => {
  it('shows in the queue with the reason, survives a restart, and arrives when the server comes up', async () => {
    const mxPort = await freePort();
    const home = await openHome(mxPort);
    const message = await sampleMessage('to elsewhere', { to: 'alice@elsewhere.test' });
    await send(home, 'alice@elsewhere.test', message);
    const waiting = await poll('the first try has failed', async () => {
      const [recipient] = await queueOf(home);
      return recipient?.lastReply === undefined ? undefined : recipient;
    });
    expect(waiting).toMatchObject({ site: 'mx:mx.elsewhere.test', lastReply: { code: 451, detail: '4.1' } });
    const table = await runToolWell(process.execPath, [
      postroad,
      ...['queue', 'list', '--socket', `${home.directory}/control.sock`],
    ]);
    expect(table.toString()).toContain('alice@elsewhere.test');
    await home.kill();
    await home.restart();
    expect(await queueOf(home)).toHaveLength(1);
    const elsewhere = await open('--domain', 'elsewhere.test', '--port', `smtp=${mxPort}`);
    const arrived = await firstMessage(elsewhere, 'alice@elsewhere.test');
    expect(addedFields(arrived, message)).toEqual(['Return-Path', 'Received', 'Received']);
    await poll('the queue is empty', async () => (await queueOf(home)).length === 0);
    // What happened before the server was killed is told too, in its order.
    const story = await runToolWell(process.execPath, [
      postroad,
      ...['trace', 'alice@elsewhere.test', '--socket', `${home.directory}/control.sock`],
    ]);
    const told = story.toString();
    expect(told).toMatch(
      /Z {2}queued [\s\S]* attempt [\s\S]*no answer from the server[\s\S]* deferred [\s\S]* delivered /,
    );
    expect(told.match(/Z {2}queued /g)).toHaveLength(1);
  });
});

describe('a message that the other server refuses', () => {
  it('comes back to its sender and names recipient, reason and the reply of the other server', async () => {
    const mxPort = await freePort();
    const home = await openHome(mxPort);
    await open('--domain', 'elsewhere.test', '--port', `smtp=${mxPort}`);
    const message = await sampleMessage('to nobody', { to: 'nobody@elsewhere.test', attachmentBytes: 1_000 });
    await send(home, 'nobody@elsewhere.test', message);
    const report = (await firstMessage(home, alice.login)).toString();
    expect(report).toMatch(/^Return-Path: <>\r\n/);
    expect(report).toMatch(/^Content-Type: multipart\/report;[\s\S]*?report-type="?delivery-status/m);
    expect(report).toMatch(/^Final-Recipient: rfc822; ?nobody@elsewhere\.test\r$/m);
    expect(report).toMatch(/^Action: failed\r$/m);
    expect(report).toMatch(/^Status: 5\.1\.1\r$/m);
    expect(report).toMatch(/^Remote-MTA: dns; ?mx\.elsewhere\.test/m);
    expect(report).toMatch(/^Diagnostic-Code: smtp; ?550 5\.1\.1 .*no such user/m);
    expect(report).toContain('Subject: to nobody');
    expect(await queueOf(home)).toEqual([]);
  });
});

describe('the command line', () => {
  it('looks after a post office through its configuration file', async () => {
    const office = await open();
    const environment = { POSTROAD_DATA: office.directory, POSTROAD_MX_PRIVATE: '1' };
    const config = ['--config', fileURLToPath(new URL('..', import.meta.url))];
    const run = (...args: readonly string[]) =>
      runToolWell(process.execPath, [postroad, ...args, ...config], { environment, input: 'rabbit-hole\n' });
    expect((await run('queue', 'list')).toString()).toContain('Nothing');
    await run('user', 'add', 'carol@example.org');
    expect((await run('user', 'list')).toString()).toContain('carol@example.org');
    await send(office, 'carol@example.org', await sampleMessage('to a new user', { attachmentBytes: 100 }));
    const client = await openImap(office.ports.imap, { login: 'carol@example.org', password: 'rabbit-hole' });
    await poll('the new user has mail', async () => (await messagesOf(client)).length === 1);
    await client.logout();
    await run('stop');
    expect(await office.program.ended).toEqual({ status: 0, signal: null });
  });
});
