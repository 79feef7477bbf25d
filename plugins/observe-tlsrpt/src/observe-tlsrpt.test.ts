import { appendFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import {
  type DeliveryReport,
  definePlugin,
  readBody,
  reply,
  type TlsSessionResult,
  Worker,
} from '@postroad/core';
import { createVirtualClock, startTestMta } from '@postroad/core/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildReport } from './build-report.js';
import { DayLog } from './day-log.js';
import { observeTlsrpt } from './observe-tlsrpt.js';
import { reportTargets } from './report-targets.js';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postroad-tlsrpt-'));
});
afterEach(() => rm(directory, { recursive: true }));

const good: TlsSessionResult = {
  domain: 'example.net',
  policyType: 'sts',
  policyLines: ['version: STSv1', 'mode: enforce', 'mx: *.example.net', 'max_age: 86400'],
  host: 'mx.example.net',
  address: '192.0.2.1',
};
const bad: TlsSessionResult = { ...good, failure: 'certificate-expired' };

describe('the record of a domain', () => {
  test('names where reports go', () => {
    expect(reportTargets(['v=TLSRPTv1; rua=mailto:tls%2Brpt@example.net,https://r.example/v1 '])).toEqual([
      { kind: 'mail', address: 'tls+rpt@example.net' },
      { kind: 'web', url: 'https://r.example/v1' },
    ]);
    const nothing = [
      [],
      ['v=spf1 -all'],
      ['v=TLSRPTv1; rua=http://r.example/'],
      ['v=TLSRPTv1;'],
      ['v=TLSRPTv1; rua=mailto:a@b.c', 'v=TLSRPTv1; rua=mailto:a@b.c'],
    ];
    for (const records of nothing) expect(reportTargets(records)).toEqual([]);
  });
});

test('a report counts sessions by policy and failures by kind', () => {
  const facts = {
    organization: 'Example',
    contact: 'tls@example.org',
    hostname: 'out.example.org',
    domain: 'example.net',
    day: '2026-11-28',
  };
  const plain: TlsSessionResult = {
    domain: 'example.net',
    policyType: 'no-policy-found',
    policyLines: [],
    host: 'mx2.example.net',
    failure: 'starttls-not-supported',
  };
  const { content, fileName } = buildReport(facts, [
    { ...good, count: 5 },
    { ...bad, count: 2 },
    { ...bad, count: 1 },
    { ...plain, count: 4 },
  ]);
  expect(fileName).toBe('out.example.org!example.net!1795824000!1795910399.json.gz');
  expect(JSON.parse(gunzipSync(content).toString())).toEqual({
    'organization-name': 'Example',
    'date-range': { 'start-datetime': '2026-11-28T00:00:00Z', 'end-datetime': '2026-11-28T23:59:59Z' },
    'contact-info': 'tls@example.org',
    'report-id': '2026-11-28T00:00:00Z_example.net@out.example.org',
    policies: [
      {
        policy: {
          'policy-type': 'sts',
          'policy-string': good.policyLines,
          'policy-domain': 'example.net',
          'mx-host': ['*.example.net'],
        },
        summary: { 'total-successful-session-count': 5, 'total-failure-session-count': 3 },
        'failure-details': [
          {
            'result-type': 'certificate-expired',
            'receiving-mx-hostname': 'mx.example.net',
            'receiving-ip': '192.0.2.1',
            'failed-session-count': 3,
          },
        ],
      },
      {
        policy: { 'policy-type': 'no-policy-found', 'policy-domain': 'example.net' },
        summary: { 'total-successful-session-count': 0, 'total-failure-session-count': 4 },
        'failure-details': [
          {
            'result-type': 'starttls-not-supported',
            'receiving-mx-hostname': 'mx2.example.net',
            'failed-session-count': 4,
          },
        ],
      },
    ],
  });
});

test('results are kept by day, survive torn lines, and go when they were reported', async () => {
  const noon = Date.UTC(2026, 10, 28, 12);
  const days = new DayLog({ directory, resultsMax: 100 });
  await days.start();
  days.add(good, noon);
  days.add(good, noon + 1);
  days.add(bad, noon);
  await days.flush();
  days.add(good, noon);
  await days.flush();
  await appendFile(join(directory, '2026-11-28.jsonl'), '{"domain":"exa');
  const counts = (await days.read('2026-11-28')).map(({ failure, count }) => [failure, count]);
  expect(counts).toEqual([
    [undefined, 2],
    ['certificate-expired', 1],
    [undefined, 1],
  ]);
  expect(await days.due(noon)).toEqual([]);
  expect(await days.due(noon + 86_400_000)).toEqual(['2026-11-28']);
  await days.finish('2026-11-28', noon + 86_400_000);
  expect(await days.due(noon + 86_400_000)).toEqual([]);
  expect(await readdir(directory)).toEqual(['2026-11-28.jsonl.sent']);
});

test('a day that is over is reported by mail to the domains that want it', async () => {
  const clock = createVirtualClock(Date.UTC(2026, 10, 28, 23, 50));
  const mails: { to: string; text: string }[] = [];
  const network = definePlugin({
    name: 'network-test',
    setup({ tap }) {
      tap('recipient', () => ({ verdict: 'accept' }));
      tap('route', (_envelope, { address }) => ({ transport: 'mx', domain: address.domain }));
      tap('deliver', async ({ recipients, message, route }): Promise<DeliveryReport> => {
        const domain = route.transport === 'mx' ? route.domain : '';
        mails.push({
          to: `${recipients[0]?.address.localPart}@${domain}`,
          text: (await readBody(message.body, 100_000)).toString(),
        });
        return {
          outcomes: recipients.map(({ index }) => ({
            index,
            status: 'delivered',
            reply: reply(250, '0.0', 'ok'),
          })),
          tlsSessions: [{ ...good, domain }],
        };
      });
    },
  });
  const records: Readonly<Record<string, readonly string[]>> = {
    '_smtp._tls.example.net': ['v=TLSRPTv1; rua=mailto:reports@example.net'],
  };
  const none = async () => [];
  const resolver = {
    mx: none,
    addresses: none,
    names: none,
    txt: async (name: string) => records[name] ?? [],
  };
  await using server = await startTestMta({
    clock,
    resolver,
    hostname: 'out.example.org',
    plugins: [network(), observeTlsrpt({ directory, organization: 'Example', contact: 'tls@example.org' })],
  });
  const send = (to: string) =>
    server.mta.submit({ reversePath: 'a@b.test', recipients: [to] }, 'Subject: x\r\n\r\n');
  await send('bob@example.net');
  await send('eve@silent.test');
  await expect.poll(() => mails.length).toBe(2);
  await clock.advance(10_000);
  await expect
    .poll(
      async () =>
        (await readFile(join(directory, '2026-11-28.jsonl'), 'utf8').catch(() => '')).split('\n').length,
    )
    .toBe(3);
  await clock.advance(1_800_000);
  await expect.poll(() => mails.length, { timeout: 10_000 }).toBe(3);
  const mail = mails[2] as (typeof mails)[number];
  expect(mail.to).toBe('reports@example.net');
  expect(mail.text).toContain('TLS-Report-Domain: example.net\r\n');
  const encoded =
    /base64\r\nContent-Disposition[^\r]*\r\n\r\n([A-Za-z0-9+/=\r\n]+)\r\n--/.exec(mail.text)?.[1] ?? '';
  const report = JSON.parse(gunzipSync(Buffer.from(encoded, 'base64')).toString()) as {
    policies: { summary: object }[];
  };
  expect(report.policies[0]?.summary).toEqual({
    'total-successful-session-count': 1,
    'total-failure-session-count': 0,
  });
  await expect.poll(async () => await readdir(directory)).toContain('2026-11-28.jsonl.sent');
});

test('of several workers, which write into the same files, one sends the reports', async () => {
  const clock = createVirtualClock(Date.UTC(2026, 10, 29, 1));
  const day = join(directory, '2026-11-28.jsonl');
  await appendFile(day, `${JSON.stringify({ ...good, count: 1 })}\n`);
  const asked: string[] = [];
  const none = async () => [];
  const txt = async (name: string) => {
    asked.push(name);
    return [];
  };
  const worker = (index: number) =>
    definePlugin({
      name: 'worker-test',
      provides: [Worker],
      setup({ provide }) {
        provide(Worker, { index, count: 2 });
      },
    })();
  const start = (index: number) =>
    startTestMta({
      clock,
      resolver: { mx: none, addresses: none, names: none, txt },
      plugins: [
        worker(index),
        observeTlsrpt({ directory, organization: 'Example', contact: 'tls@example.org' }),
      ],
    });
  await using _second = await start(1);
  await clock.advance(3_600_000);
  expect(asked).toEqual([]);
  expect(await readdir(directory)).toEqual(['2026-11-28.jsonl']);
  await using _first = await start(0);
  await clock.advance(1_900_000);
  await expect.poll(() => readdir(directory)).toEqual(['2026-11-28.jsonl.sent']);
  expect(asked).toEqual(['_smtp._tls.example.net']);
});
