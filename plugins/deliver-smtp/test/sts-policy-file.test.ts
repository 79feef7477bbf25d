import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger, Resolver } from '@postroad/core';
import { createVirtualClock } from '@postroad/core/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MtaSts } from '../src/tls/mta-sts.js';
import { StsPolicyFile } from '../src/tls/sts-policy-file.js';

const warned: string[] = [];
const log: Logger = {
  debug() {},
  info() {},
  warn: (event) => void warned.push(event),
  error() {},
  child: () => log,
};
const none = async () => [];
const signal = new AbortController().signal;
let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postroad-sts-'));
});
afterEach(() => rm(directory, { recursive: true }));

test('a policy holds over a restart, also when it can not be fetched any more, until its age is over', async () => {
  const clock = createVirtualClock(Date.UTC(2030, 0, 1));
  const file = join(directory, 'sub', 'policies');
  let isUp = true;
  const resolver: Resolver = {
    mx: none,
    addresses: none,
    names: none,
    txt: async () => (isUp ? ['v=STSv1; id=1;'] : []),
  };
  const start = async () => {
    const sts = new MtaSts({
      resolver,
      clock,
      log,
      file: new StsPolicyFile(file, log),
      fetchPolicy: async (domain) => `version: STSv1\nmode: enforce\nmx: mx.${domain}\nmax_age: 3600\n`,
    });
    await sts.start();
    return sts;
  };
  const first = await start();
  expect(await first.policy('example.net', signal)).toMatchObject({ mode: 'enforce' });
  await first.policy('example.com', signal);
  isUp = false;
  await appendFile(file, '{"domain":"torn');
  await clock.advance(1_800_000);
  const second = await start();
  expect(await second.policy('example.net', signal)).toMatchObject({ mx: ['mx.example.net'] });
  await clock.advance(1_800_001);
  expect(await (await start()).policy('example.net', signal)).toBeUndefined();
  expect(await readFile(file, 'utf8')).toBe('');
});

test('a file that can not be written costs only the memory over restarts', async () => {
  const policies = new StsPolicyFile(directory, log);
  await policies.add(
    {
      domain: 'example.net',
      id: '1',
      policy: { mode: 'enforce', mx: ['a'], maxAgeMs: 1 },
      untilMs: 1,
    },
    0,
  );
  expect(warned).toEqual(['an MTA-STS policy could not be kept']);
});
