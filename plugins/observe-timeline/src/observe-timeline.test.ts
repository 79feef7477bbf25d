import { appendFile, mkdtemp, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accept, definePlugin, MessageHistory, reply } from '@postroad/core';
import { createVirtualClock, startTestMta } from '@postroad/core/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findTraces } from './find-traces.js';
import { observeTimeline } from './observe-timeline.js';
import type { ObserveTimelineOptions } from './options.js';
import { idOf, lineOf, needlesOf, readLine } from './record-line.js';
import { Segments } from './segments.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'observe-timeline-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const world = definePlugin({
  name: 'deliver-world',
  setup({ tap }) {
    tap('recipient', () => accept());
    tap('inspect', () => ({ source: 'check-test', result: 'fine', score: -1 }));
    tap('route', (_envelope, { address }) => ({ transport: 'mx', domain: address.domain }));
    tap('deliver', ({ recipients, route }) => {
      const isGood = route.transport === 'mx' && route.domain === 'good.test';
      return {
        tls: 'TLSv1.3 X',
        ...(isGood ? {} : { transcript: ['> RCPT TO:<x>', '< 550 5.1.1 nobody'] }),
        outcomes: recipients.map(({ index }) => ({
          index,
          status: isGood ? 'delivered' : 'failed',
          reply: isGood ? reply(250, '0.0', 'taken') : reply(550, '1.1', 'nobody'),
          remote: { name: 'mx.test' },
        })),
      };
    });
  },
});

const start = (options: Partial<ObserveTimelineOptions> = {}) =>
  startTestMta({ plugins: [world(), observeTimeline({ directory, ...options })] });

const content = 'Message-ID: <Unique.1@example.org>\r\nSubject: x\r\n\r\nhello\r\n';

test('tells everything after a restart, by id, address and Message-ID', async () => {
  const before = await start();
  const { id } = await before.mta.submit(
    { reversePath: 'Alice@example.org', recipients: ['bob@good.test', 'eve@gone.test'] },
    content,
  );
  await expect.poll(async () => (await before.mta.queue.count()).recipients, { timeout: 10_000 }).toBe(0);
  await before.stop();

  await using server = await start();
  const [trace] = await server.mta.queue.trace(id);
  expect(trace).toMatchObject({
    messageId: id,
    messageIdField: '<Unique.1@example.org>',
    reversePath: 'Alice@example.org',
  });
  const told = trace?.entries.map(
    ({ event, recipient = '-', reply: said = '-' }) => `${event} ${recipient} ${said}`,
  );
  expect(told?.slice(0, 2)).toEqual(['queued - -', 'judged - -']);
  expect(told?.slice(2).sort()).toEqual([
    'attempt - -',
    'bounced eve@gone.test -',
    'delivered bob@good.test 250 2.0.0 taken',
    'failed eve@gone.test 550 5.1.1 nobody',
  ]);
  const entry = (event: string) => trace?.entries.find((one) => one.event === event);
  expect(entry('judged')?.detail).toBe('check-test/fine (-1)');
  expect(entry('delivered')).toMatchObject({
    remote: 'mx.test',
    detail: 'mail exchangers of good.test, TLSv1.3 X',
  });
  expect(entry('attempt')?.transcript).toEqual(['> RCPT TO:<x>', '< 550 5.1.1 nobody']);
  // The notification about eve went to alice: both messages are about her.
  const ids = async (query: string) => (await server.mta.queue.trace(query)).map((one) => one.messageId);
  expect(await ids('alice@EXAMPLE.org')).toHaveLength(2);
  expect(await ids('eve@gone.test')).toEqual([id]);
  expect(await ids('unique.1@example.org')).toEqual([id]);
  expect(await ids('<unique.1@example.org>')).toEqual([id]);
  for (const nothing of ['ob@good.test', '', 'nobody@good.test', '"', '\\u0000'])
    expect(await ids(nothing)).toEqual([]);
});

test('goes on with a message that waited over the restart, and tells its beginning once', async () => {
  const later = definePlugin({
    name: 'deliver-later',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('route', () => ({ transport: 'mx', domain: 'later.test' }));
    },
  });
  await using server = await startTestMta({ plugins: [later(), observeTimeline({ directory })] });
  const { id } = await server.mta.submit({ reversePath: '', recipients: ['bob@later.test'] }, content);
  await expect.poll(async () => (await server.mta.queue.count()).recipients, { timeout: 10_000 }).toBe(0);
  const events = (await server.mta.queue.trace(id))[0]?.entries.map(({ event }) => event);
  expect(events?.filter((event) => event === 'queued')).toHaveLength(1);
});

test('is found by nobody else, and writes for its owner alone', async () => {
  await using server = await start();
  await server.mta.submit({ reversePath: 'a@example.org', recipients: ['bob@good.test'] }, content);
  await server.mta.queue.trace('bob@good.test');
  const [name = ''] = await readdir(directory);
  expect(name).toMatch(/^w0-\d+\.jsonl$/);
  expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600);
  expect((await readFile(join(directory, name), 'utf8')).endsWith('\n')).toBe(true);
  expect(MessageHistory.name).toBeDefined();
});

describe('records', () => {
  const record = (messageId: string, recipient: string, at = 0) => ({
    messageId,
    head: { reversePath: 'a@example.org' },
    entry: { atMs: at, event: 'queued', recipient },
  });

  test('are bounded by octets and age, the oldest files first, never the one at hand', async () => {
    const clock = createVirtualClock(1_000_000);
    const segments = new Segments({ directory, octetsMax: 8_000, keptMs: 60_000, worker: 0, workers: 1 });
    await segments.start();
    for (let at = 0; at < 200; at++) {
      await segments.append(Buffer.from(lineOf(record(`m${at}`, `u${at}@x.test`, clock.now()))), clock.now());
      await clock.advance(10);
    }
    const sizes = await Promise.all((await segments.all()).map(async ({ path }) => (await stat(path)).size));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(8_000 + 1_000 + 200);
    expect((await findTraces(await segments.all(), 'u199@x.test', 10)).length).toBe(1);
    expect((await findTraces(await segments.all(), 'u0@x.test', 10)).length).toBe(0);
    await clock.advance(120_000);
    await segments.append(Buffer.from(lineOf(record('last', 'last@x.test'))), clock.now());
    await segments.sweep(clock.now());
    expect(await segments.all()).toHaveLength(1);
    await segments.close();
  });

  test('of workers that are no more belong to the last one', async () => {
    const of = (worker: number, workers: number) =>
      new Segments({ directory, octetsMax: 100_000, keptMs: 60_000, worker, workers });
    for (const worker of [0, 1, 2]) {
      const segments = of(worker, 3);
      await segments.append(Buffer.from(lineOf(record(`m${worker}`, 'u@x.test'))), 1_000);
      await segments.close();
    }
    const found = async (worker: number, workers: number) =>
      (await findTraces(await of(worker, workers).all(), 'u@x.test', 10))
        .map(({ messageId }) => messageId)
        .sort();
    expect(await found(1, 3)).toEqual(['m1']);
    expect(await found(0, 2)).toEqual(['m0']);
    expect(await found(1, 2)).toEqual(['m1', 'm2']);
    expect(await found(0, 1)).toEqual(['m0', 'm1', 'm2']);
  });

  test('that are torn are left out, and the rest is found', async () => {
    const segments = new Segments({ directory, octetsMax: 100_000, keptMs: 60_000, worker: 0, workers: 1 });
    await segments.append(Buffer.from(lineOf(record('m1', 'u@x.test'))), 1_000);
    await segments.close();
    const [{ path = '' } = {}] = await segments.all();
    await appendFile(path, '{"i":"torn\n{"i":"m2","k":["u@x.test"],"e":\nnot json "u@x.test"\n');
    await appendFile(path, `${lineOf(record('m3', 'u@x.test'))}{"i":"m4","k":["u@x.test"]`);
    await utimes(path, 1, 1);
    const found = await findTraces(await segments.all(), 'u@x.test', 10);
    expect(found.filter(({ entries }) => entries.length > 0).map(({ messageId }) => messageId)).toEqual([
      'm3',
      'm1',
    ]);
  });

  test('of the newest messages come, when there are too many', async () => {
    const segments = new Segments({
      directory,
      octetsMax: 10_000_000,
      keptMs: 60_000,
      worker: 0,
      workers: 1,
    });
    const lines = Array.from({ length: 5_000 }, (_, at) => lineOf(record(`m${at}`, 'u@x.test')));
    await segments.append(Buffer.from(lines.join('')), 1_000);
    await segments.close();
    const found = await findTraces(await segments.all(), 'u@x.test', 3);
    expect(found.map(({ messageId }) => messageId)).toEqual(['m4999', 'm4998', 'm4997']);
  });

  test('lose their transcript rather than grow without bound', () => {
    const entry = { atMs: 1, event: 'attempt', transcript: Array<string>(1_000).fill('x'.repeat(300)) };
    const line = lineOf({ messageId: 'm1', entry });
    expect(line.length).toBeLessThan(65_537);
    expect(readLine(line.trim())?.entry).toEqual({ atMs: 1, event: 'attempt' });
    expect(idOf(Buffer.from(line), 0, line.length)).toBe('m1');
    expect(needlesOf(' ')).toEqual([]);
  });
});
