import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSeededRandom } from '@postroad/core/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openStatistics, type Statistics, type Tokens, tokensOf } from './index.js';

let directory = '';
let nowMs = 0;
const opened: Statistics[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postroad-mirror-'));
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
  await rm(directory, { recursive: true });
});
const open = async () => {
  const statistics = await openStatistics(directory, () => nowMs);
  opened.push(statistics);
  return statistics;
};
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Asks until the counts come from memory, which nobody can see but by how it ages. */
async function warm(statistics: Statistics, tokens: Tokens): Promise<void> {
  for (let count = 0; count < 40; count++) {
    statistics.counts(undefined, tokens);
    await turn();
  }
}

test('memory and table say the same, however much is learnt and unlearnt', async () => {
  const random = createSeededRandom(7);
  const words = () => Array.from({ length: 30 }, () => `w${Math.floor(random.number() * 200)}`);
  const statistics = await open();
  const learn = (kind: 'spam' | 'ham', key: string, tokens: Tokens) =>
    statistics.learn(undefined, kind, [{ tokens, key }], 1_000_000);
  for (let at = 0; at < 20; at++) await learn(at % 2 === 0 ? 'spam' : 'ham', `m${at}`, tokensOf(words()));
  await warm(statistics, tokensOf(['w1']));
  const last = tokensOf(words());
  for (let at = 0; at < 40; at++) await learn('spam', `n${at}`, tokensOf(words()));
  await learn('spam', 'last', last);
  await learn('ham', 'last', last);
  const other = await open();
  for (let at = 0; at < 20; at++) {
    const tokens = tokensOf(words());
    expect(statistics.counts(undefined, tokens)).toEqual(other.counts(undefined, tokens));
  }
  expect(statistics.counts(undefined, last)).toEqual(other.counts(undefined, last));
});

test('what another process learns is seen within half a minute', async () => {
  const [one, another] = [await open(), await open()];
  const tokens = tokensOf(['word']);
  await one.learn(undefined, 'spam', [{ tokens, key: 'a' }], 1_000);
  await warm(one, tokens);
  await another.learn(undefined, 'spam', [{ tokens, key: 'b' }], 1_000);
  nowMs += 31_000;
  await warm(one, tokens);
  expect([...one.counts(undefined, tokens).spam]).toEqual([2]);
});
