import { boundedCache, type Resolver } from '@postroad/core';
import { createVirtualClock } from '@postroad/core/testing';
import { expect, test } from 'vitest';
import { askList } from './ask-list.js';
import type { DnsList } from './options.js';
import { codeReader } from './return-codes.js';

const list: DnsList = {
  zone: 'bl.example',
  kind: 'block',
  of: 'address',
  action: 'score',
  timeoutMs: 1_000,
  onError: 'defer',
  hasTestEntries: false,
};
const ready = { list, read: codeReader(list) };

test('what was asked a moment ago is answered at once, a failure is asked again', async () => {
  const clock = createVirtualClock();
  let asked = 0;
  let answers: () => Promise<readonly string[]> = async () => ['127.0.0.2'];
  const resolver = {
    addresses: () => {
      asked++;
      return answers();
    },
  } as unknown as Resolver;
  const parts = {
    resolver,
    clock,
    recent: boundedCache<string, readonly string[]>({ entriesMax: 10, clock }),
  };
  const ask = (cacheMs = 30_000) =>
    askList({ ...parts, cacheMs }, ready, '192.0.2.1', '1.2.0.192.bl.example', new AbortController().signal);

  answers = () => Promise.reject(new Error('down'));
  expect(await ask()).toMatchObject({ status: 'failed', reason: 'down' });
  answers = async () => ['127.0.0.2'];
  expect(await ask()).toMatchObject({ status: 'listed', subject: '192.0.2.1' });
  answers = async () => [];
  expect(ask()).toMatchObject({ status: 'listed' });
  expect(asked).toBe(2);
  await clock.advance(30_000);
  expect(await ask(0)).toMatchObject({ status: 'unlisted' });
  expect(await ask(0)).toMatchObject({ status: 'unlisted' });
  expect(asked).toBe(4);
});
