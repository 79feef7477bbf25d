import { mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import {
  accept,
  bodyFromBytes,
  definePlugin,
  dmarcDisposition,
  MailError,
  type MessageAuthentication,
  messageAuthentication,
  type PluginCommand,
  type Resolver,
  readBody,
  reject,
  Worker,
} from '@postroad/core';
import { createVirtualClock, startTestMta } from '@postroad/core/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { dmarcCommands } from '../src/commands.js';
import { DayFiles } from '../src/day-files.js';
import { isAuthorized, parseDestinations } from '../src/destinations.js';
import { observeDmarc } from '../src/observe-dmarc.js';
import { config } from '../src/options.js';
import { readReport } from '../src/read-report.js';
import { keepReport, reportOf, summarize } from '../src/received-reports.js';
import { row, xml } from './sample-report.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'observe-dmarc-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const dayMs = 86_400_000;

test('counts the same once, survives a line that was cut off, and knows its bound', async () => {
  const files = new DayFiles(directory, 2);
  const at = Date.parse('2026-03-01T12:00:00Z');
  expect(files.add(row, at)).toBe(true);
  expect(files.add(row, at)).toBe(true);
  await files.flush();
  files.add({ ...row, spf: 'pass' }, at);
  files.add(row, at);
  expect(files.add({ ...row, headerFrom: 'other.example' }, at)).toBe(false);
  await files.flush();
  await files.flush();
  const { appendFile } = await import('node:fs/promises');
  await appendFile(join(directory, '2026-03-01.jsonl'), '{"row":{"policy"');
  expect(await new DayFiles(directory, 2).days()).toEqual(['2026-03-01']);
  expect((await files.read('2026-03-01')).map(({ count }) => count)).toEqual([3, 1]);
});

test('reads addresses for reports, and asks hosts of other domains whether they want them', async () => {
  expect(
    parseDestinations('mailto:a@example.org!10m, https://x.example, mailto:b%2B1@x.example,mailto:bad'),
  ).toEqual([
    { address: 'a@example.org', octetsMax: 10 * 2 ** 20 },
    { address: 'b+1@x.example', octetsMax: Number.POSITIVE_INFINITY },
  ]);
  expect(parseDestinations(Array(100).fill('mailto:a@example.org').join(','))).toHaveLength(5);
  const resolver = {
    txt: async (name: string) => {
      if (name.endsWith('down.example')) throw new MailError('E_DNS', 'down');
      return name === 'example.org._report._dmarc.reports.example' ? ['v=DMARC1'] : [];
    },
  };
  const may = (address: string) => isAuthorized(resolver, 'example.org', { address, octetsMax: 1 });
  expect(await may('a@deep.example.org')).toBe(true);
  expect(await may('a@reports.example')).toBe(true);
  expect(await may('victim@other.example')).toBe(false);
  expect(await may('a@down.example')).toBeUndefined();
});

const mail = (attachment: Buffer) =>
  bodyFromBytes(
    Buffer.from(
      `Subject: Report Domain\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nhello\r\n--x\r\nContent-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n${attachment.toString('base64').replace(/.{76}/g, '$&\r\n')}\r\n--x--\r\n`,
    ),
  );

test('sums up what came; the same report counts once', async () => {
  const rows = await reportOf(mail(gzipSync(xml)));
  await keepReport(directory, rows, Date.now());
  await keepReport(directory, rows, Date.now());
  await keepReport(
    directory,
    await reportOf(
      mail(gzipSync(xml.replace('<report_id>1', '<report_id>2').replace('<dkim>fail', '<dkim>pass'))),
    ),
    Date.now(),
  );
  expect(await summarize(directory, 0)).toEqual([
    {
      domain: 'example.org',
      source: '192.0.2.1',
      messages: 6,
      passed: 3,
      dkim: 3,
      spf: 0,
      quarantined: 0,
      rejected: 6,
      reporters: 'Tests & <Co>',
    },
  ]);
  expect(await summarize(directory, Date.now())).toEqual([]);
  expect(await summarize(directory, 0, 'other.example')).toEqual([]);
  await expect(reportOf(bodyFromBytes(Buffer.from('Subject: x\r\n\r\nhello\r\n')))).rejects.toThrow(
    'no report',
  );
});

const failing: MessageAuthentication = {
  dkim: [],
  results: [],
  dmarc: {
    result: 'fail',
    domain: 'example.org',
    organizationalDomain: 'example.org',
    policy: 'reject',
    isSpfAligned: false,
    isDkimAligned: false,
    record: {
      domain: 'example.org',
      tags: { p: 'reject', rua: 'mailto:d@example.org,mailto:r@reports.example,mailto:victim@other.example' },
    },
  },
};

test('sends the reports of a day that has ended to those who want them, once, and reads one that comes', async () => {
  const clock = createVirtualClock(Date.parse('2026-03-01T12:00:00Z'));
  const sent: { to: string; content: string }[] = [];
  const others = definePlugin({
    name: 'observe-test',
    setup({ tap }) {
      tap('recipient', () => accept());
      tap('inspect', (message) => {
        if (message.body.header.get('x-test') !== 'checked') return undefined;
        message.transaction.set(messageAuthentication, failing);
        message.transaction.set(dmarcDisposition, { disposition: 'reject' });
        return undefined;
      });
      tap('message', (message) =>
        message.body.header.get('x-test') === 'checked' ? reject(550, '7.1', 'no') : undefined,
      );
      tap('enqueued', async (message, [recipient]) => {
        sent.push({
          to: recipient?.address.localPart ?? '',
          content: (await readBody(message.body, 1_000_000)).toString(),
        });
      });
    },
  });
  const resolver: Resolver = {
    mx: async () => [],
    addresses: async () => [],
    names: async () => [],
    txt: async (name) => (name === 'example.org._report._dmarc.reports.example' ? ['v=DMARC1;'] : []),
  };
  const options = {
    directory,
    address: 'dmarc@mx.test',
    receives: ['reports@mx.test'],
    flushMs: 1_000,
    checkMs: 60_000,
    jitterMs: 0,
  };
  const server = await startTestMta({ plugins: [observeDmarc(options), others()], clock, resolver });
  const recipients = [{ address: { localPart: 'b', domain: 'example.net' } }];
  for (let count = 0; count < 2; count++) {
    const refused = server.mta.submit(
      { reversePath: 'a@evil.example', recipients },
      Buffer.from('X-Test: checked\r\n\r\nx\r\n'),
    );
    await expect(refused).rejects.toThrow('refused');
  }
  await expect
    .poll(async () => {
      await clock.advance(dayMs / 2);
      return sent.map(({ to }) => to).sort();
    })
    .toEqual(['d', 'r']);
  const { content = '' } = sent[0] ?? {};
  expect(content).toContain('Subject: Report Domain: example.org');
  const attachment = /base64\r\n\r\n(.*?)\r\n--/s.exec(content)?.[1] ?? '';
  expect(readReport(gunzipSync(Buffer.from(attachment, 'base64')).toString())).toMatchObject([
    {
      reporter: 'mx.test',
      domain: 'example.org',
      sourceAddress: '127.0.0.1',
      count: 2,
      disposition: 'reject',
    },
  ]);

  // One that comes to us.
  await server.mta.submit({ reversePath: null, recipients: ['reports@mx.test'] }, content);
  await server.whenLogged('a DMARC report came');
  await server.mta.submit(
    { reversePath: null, recipients: ['reports@mx.test'] },
    'Subject: spam\r\n\r\nx\r\n',
  );
  await server.whenLogged('what came to the address for DMARC reports is none');
  await server.stop();
  expect((await readdir(join(directory, 'gathered'))).sort()).toEqual([
    '2026-03-01.jsonl.done',
    '2026-03-01.jsonl.sent',
  ]);
  expect(await readFile(join(directory, 'gathered', '2026-03-01.jsonl.sent'), 'utf8')).toContain(
    'example.org d@example.org',
  );

  const rows: unknown[] = [];
  const [summary] = dmarcCommands as readonly PluginCommand<ReturnType<typeof config.parse>>[];
  await summary?.run({
    config: config.parse(options),
    args: { days: '100000' },
    call: async () => undefined,
    terminal: {
      isJson: true,
      isInteractive: false,
      print() {},
      result: (found) => void rows.push(...found),
      askSecret: async () => '',
    },
  });
  expect(rows).toMatchObject([{ domain: 'example.org', source: '127.0.0.1', messages: 2, rejected: 2 }]);
});

test('of several workers one sends the reports, and a report that is made again has the same identifier', async () => {
  const day = '2026-03-01';
  const files = new DayFiles(join(directory, 'gathered'), 10);
  files.add(
    { ...row, policy: { domain: 'example.org', tags: { rua: 'mailto:d@example.org' } } },
    Date.parse(day),
  );
  await files.flush();
  const reportsOf = async (index: number) => {
    const clock = createVirtualClock(Date.parse('2026-03-02T12:00:00Z'));
    const ids: string[] = [];
    const other = definePlugin({
      name: 'worker-test',
      provides: [Worker],
      setup({ tap, provide }) {
        provide(Worker, { index, count: 2 });
        tap('recipient', () => accept());
        tap('enqueued', (message) => {
          ids.push(message.body.header.get('subject')?.match(/Report-ID: <([^>]+)>/)?.[1] ?? 'none');
        });
      },
    });
    const options = { directory, address: 'dmarc@mx.test', flushMs: 1_000, checkMs: 60_000, jitterMs: 0 };
    const server = await startTestMta({ plugins: [observeDmarc(options), other()], clock });
    for (let minutes = 0; minutes < 3; minutes++) await clock.advance(60_000);
    if (index === 0) {
      const isSent = async () => {
        await clock.advance(60_000);
        return ids.length;
      };
      await expect.poll(isSent, { timeout: 20_000 }).toBe(1);
    }
    await server.stop();
    return ids;
  };
  expect(await reportsOf(1)).toEqual([]);
  const first = await reportsOf(0);
  // As after a crash between the report and the note of it.
  await rm(join(directory, 'gathered', `${day}.jsonl.sent`));
  await rename(join(directory, 'gathered', `${day}.jsonl.done`), join(directory, 'gathered', `${day}.jsonl`));
  expect(await reportsOf(0)).toEqual(first);
});
