/** What of a day could not be sent is tried again, and what was sent is not. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MailError, reply } from '@postroad/core';
import { createSeededRandom } from '@postroad/core/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DayFiles } from '../src/day-files.js';
import { config } from '../src/options.js';
import { sendReports } from '../src/send-reports.js';
import { row } from './sample-report.js';

const dayMs = 86_400_000;
const day = Date.parse('2026-03-01');
const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

let directory: string;
let files: DayFiles;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'observe-dmarc-'));
  files = new DayFiles(directory, 10);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Sends what is due so many days later; to whom. */
async function send(
  daysLater: number,
  world: { readonly isDnsDown?: boolean; readonly refusal?: MailError } = {},
): Promise<readonly string[]> {
  const sent: string[] = [];
  await sendReports(
    {
      config: config.parse({ directory, address: 'dmarc@mx.test' }),
      hostname: 'mx.test',
      files,
      clock: { now: () => day + daysLater * dayMs },
      random: createSeededRandom(1),
      resolver: {
        txt: async (name) => {
          if (world.isDnsDown === true) throw new MailError('E_DNS', 'down');
          return name === 'example.org._report._dmarc.reports.example' ? ['v=DMARC1'] : [];
        },
      },
      submission: {
        submit: async ({ recipients: [to] }: { readonly recipients: readonly unknown[] }) => {
          if (world.refusal !== undefined) throw world.refusal;
          sent.push(String(to));
          return { id: 'x' };
        },
      } as never,
      log: silent,
    },
    0,
  );
  return sent;
}

async function gather(rua: string): Promise<void> {
  files.add({ ...row, policy: { domain: 'example.org', tags: { rua } } }, day + dayMs / 2);
  await files.flush();
}

test('to those who are not known to want them for now, and to them alone', async () => {
  await gather('mailto:d@example.org,mailto:r@reports.example,mailto:x@strange.example');
  expect(await send(0.9), 'the day has not ended').toEqual([]);
  expect(await send(1.5, { isDnsDown: true })).toEqual(['d@example.org']);
  expect(await files.days()).toEqual(['2026-03-01']);
  // Known again after a restart, by the notes.
  files = new DayFiles(directory, 10);
  expect(await send(1.6)).toEqual(['r@reports.example']);
  expect(await files.days()).toEqual([]);
  expect(await send(2)).toEqual([]);
});

test('not larger than who gets them wants', async () => {
  await gather('mailto:d@example.org!1k,mailto:e@example.org!1m,mailto:f@example.org!10');
  expect(await send(2)).toEqual(['e@example.org']);
  expect(await files.days()).toEqual([]);
});

test('again while the queue says not now, and for a week; not when it says no', async () => {
  const deferred = new MailError('E_REFUSED', 'later', { reply: reply(451, '3.0', 'later') });
  await gather('mailto:d@example.org');
  expect(await send(2, { refusal: deferred })).toEqual([]);
  expect(await files.days()).toEqual(['2026-03-01']);
  expect(await send(9, { refusal: deferred })).toEqual([]);
  expect(await files.days(), 'given up').toEqual([]);
  await gather('mailto:d@example.org');
  await send(2, { refusal: new MailError('E_REFUSED', 'no', { reply: reply(550, '1.1', 'no') }) });
  expect(await files.days()).toEqual([]);
});
