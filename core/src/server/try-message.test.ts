/** Messages that go through the pipeline without being taken. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../cli/run-cli.js';
import { noteFinding } from '../context/noted-findings.js';
import { queueMemory } from '../memory/queue-memory.js';
import { definePlugin } from '../plugin/define.js';
import { startTestMta, type TestMta } from '../testing/start-test-mta.js';
import { accept, deferIfAccepted, quarantine, reject } from '../values/verdict.js';
import { tryOffline } from './try-offline.js';

let directory = '';
let server: TestMta | undefined;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postroad-try-'));
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
  await rm(directory, { recursive: true });
});

const told: string[] = [];
/** Checks of every kind, and observers that must not hear of a trial. */
const checks = definePlugin({
  name: 'check-all',
  setup({ tap }) {
    tap('connect', (connection) => {
      if (connection.remoteAddress === '203.0.113.66') return reject(554, '7.1', 'no', { rule: 'list' });
      noteFinding(connection, { source: 'list', result: 'listed', score: 2 });
      return undefined;
    });
    tap('recipient', (_transaction, { address }) => {
      if (address.localPart === 'new')
        return deferIfAccepted(450, '7.1', 'later', { rule: 'triplet', reason: 'first seen' });
      return address.localPart === 'nobody' ? reject(550, '1.1', 'no such user') : undefined;
    });
    tap('inspect', ({ transaction }) => [
      { source: 'seen', text: `trial ${transaction.connection.isTrial}`, score: 3.5 },
      { source: 'broken', error: 'out of order' },
    ]);
    tap(
      'message',
      () => {
        throw new Error('a mistake');
      },
      { onError: 'skip' },
    );
    tap('message', () => quarantine('looks odd', { rule: 'junk at 5' }));
    tap('header', (_message, _findings, prefix) => [{ name: 'X-Spam-Flag', value: 'YES' }, ...prefix]);
    for (const hook of ['accepted', 'refused', 'closed', 'enqueued'] as const)
      tap(hook, () => void told.push(hook));
  },
});
const open = definePlugin({
  name: 'route-open',
  setup({ tap }) {
    tap('recipient', () => accept(), { order: 'late' });
    tap('route', () => ({ transport: 'local', accountId: 'a' }));
  },
});

const request = {
  clientAddress: '203.0.113.5',
  helloName: 'mail.example.com',
  reversePath: 'a@example.com',
  recipients: ['bob@example.org', 'new@example.org', 'nobody@example.org'],
  content: 'Subject: x\n\nhello\n',
};

const configured = { hostname: 'mx.test', plugins: [checks(), open()] };

async function start(): Promise<TestMta> {
  told.length = 0;
  server = await startTestMta({ ...configured, control: { socket: join(directory, 'control.sock') } });
  return server;
}

/** The command, in this process. */
async function command(...argv: readonly string[]): Promise<{ status: number; out: string; err: string }> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const environment = { POSTROAD_SOCKET: join(directory, 'control.sock') };
  const stdin = new PassThrough();
  const status = await runCli(argv, { stdin, stdout, stderr, environment, directory } as never);
  return { status, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') };
}

describe('a trial', () => {
  it('tells every verdict, finding and reply, and takes nothing', async () => {
    const { mta, logged } = await start();
    const report = await mta.try(request);
    expect(report.replies).toEqual([
      { at: 'reversePath', reply: '250 2.1.0 sender ok' },
      { at: 'recipient bob@example.org', reply: '250 2.1.5 recipient ok' },
      { at: 'recipient new@example.org', reply: '450 4.7.1 later', by: 'check-all' },
      { at: 'recipient nobody@example.org', reply: '550 5.1.1 no such user', by: 'check-all' },
      { at: 'message', reply: expect.stringMatching(/^250 2\.0\.0 queued as /) },
    ]);
    expect(report.findings).toMatchObject([
      { source: 'list', score: 2 },
      { source: 'seen', text: 'trial true', score: 3.5 },
      { source: 'broken', error: 'out of order' },
    ]);
    expect(report.steps).toContainEqual({
      hook: 'message',
      plugin: 'check-all',
      answer: 'failed',
      reason: 'a mistake',
    });
    expect(report.steps).toContainEqual({
      hook: 'recipient',
      plugin: 'check-all',
      answer: 'deferIfAccepted',
      reply: '450 4.7.1 later',
      rule: 'triplet',
      reason: 'first seen',
    });
    expect(report.queued).toMatchObject({ recipients: ['bob@example.org'], quarantine: 'looks odd' });
    expect(report.queued?.headerPrefix).toContain('X-Spam-Flag: YES\r\nReceived: from mail.example.com');
    expect(await mta.queue.count()).toMatchObject({ messages: 0 });
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual([]);
    expect(logged.find(({ event }) => event === 'refused')?.fields.trial).toBe(true);
    const refusals = mta.metrics().filter(({ name }) => name === 'postroad_tap_failures_total');
    expect(refusals).toEqual([]);
  });

  it('ends where the client would', async () => {
    const { mta } = await start();
    const report = await mta.try({ ...request, clientAddress: '203.0.113.66' });
    expect(report.replies).toEqual([{ at: 'connect', reply: '554 5.7.1 no', by: 'check-all' }]);
    expect(report.queued).toBeUndefined();
    const unknown = await mta.try({ ...request, recipients: ['nobody@example.org'] });
    expect(unknown.replies.at(-1)?.reply).toBe('550 5.1.1 no such user');
  });

  it('refuses what it can not try', async () => {
    const { mta } = await start();
    await expect(mta.try({ ...request, listener: 'nowhere' })).rejects.toMatchObject({ code: 'E_USAGE' });
    await expect(mta.try({ ...request, recipients: ['nonsense'] })).rejects.toMatchObject({
      code: 'E_USAGE',
    });
  });

  it('needs no server: the plugins are started and ended for it', async () => {
    const steps: string[] = [];
    const noting = definePlugin({
      name: 'check-steps',
      setup({ onStart, defer }) {
        onStart(() => void steps.push('start'));
        defer(() => void steps.push('end'));
      },
    });
    const listeners = [{ name: 'relay', host: '127.0.0.1', port: 1, role: 'relay' }] as const;
    const options = { ...configured, listeners, plugins: [queueMemory(), noting(), ...configured.plugins] };
    const report = await tryOffline({ ...options, log: { level: 'silent' } }, {}, request);
    expect(report.queued?.recipients).toEqual(['bob@example.org']);
    expect(steps).toEqual(['start', 'end']);
  });
});

describe('postroad try', () => {
  const argv = [
    '--from',
    'a@example.com',
    '--to',
    'bob@example.org,nobody@example.org',
    '--ip',
    '203.0.113.5',
  ];

  it('prints what the running server says, also of a message that is longer than a request', async () => {
    const { mta } = await start();
    await writeFile(join(directory, 'short.eml'), request.content);
    await writeFile(join(directory, 'long.eml'), `Subject: x\n\n${'0123456789\n'.repeat(20_000)}`);
    const { status, out } = await command('try', ...argv, 'short.eml');
    expect(status).toBe(0);
    expect(out).toContain('recipient nobody@example.org: 550 5.1.1 no such user  (check-all)');
    expect(out).toContain('   3.5  seen  trial true');
    expect(out).toContain('broken  failed: out of order');
    expect(out).toContain('message  check-all  quarantine  junk at 5: looks odd');
    expect(out).toContain('Marked for Junk: looks odd');
    const long = JSON.parse((await command('try', ...argv, 'long.eml', '--json')).out);
    expect(long.queued.sizeBytes).toBe(240_014);
    expect(await mta.queue.count()).toMatchObject({ messages: 0 });
  });

  it('says what is wrong', async () => {
    await start();
    await writeFile(join(directory, 'a.eml'), request.content);
    expect(await command('try', 'a.eml')).toMatchObject({ status: 64, err: expect.stringContaining('--to') });
    const nowhere = await command('try', ...argv, 'missing.eml');
    expect(nowhere).toMatchObject({ status: 66, err: expect.stringContaining("can't be read") });
    const wrong = await command('try', '--to', 'a@example.org', '--ip', '999.1.1.1', 'a.eml');
    expect(wrong).toMatchObject({ status: 64, err: expect.stringContaining('IPv4 or IPv6') });
  });
});
