/** Policies are fetched again before they end, in the background (RFC 8461 section 3.3). */
import type { Logger, Resolver } from '@postroad/core';
import { createVirtualClock } from '@postroad/core/testing';
import { expect, test } from 'vitest';
import { MtaSts } from '../src/tls/mta-sts.js';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const none = async () => [];
const { signal } = new AbortController();
const hour = 3_600_000;
const day = 24 * hour;

/** A memory whose web server and DNS can be told what to say. */
function scene(maxAgeSeconds: number) {
  const clock = createVirtualClock(Date.UTC(2030, 0, 1));
  const world = { id: '1', text: '', asked: [] as string[] };
  const say = (mode: string): void => {
    world.text = `version: STSv1\nmode: ${mode}\nmx: mx.example.net\nmax_age: ${maxAgeSeconds}\n`;
  };
  say('enforce');
  const resolver: Resolver = {
    mx: none,
    addresses: none,
    names: none,
    txt: async () => (world.id === '' ? [] : [`v=STSv1; id=${world.id};`]),
  };
  const sts = new MtaSts({
    resolver,
    clock,
    log,
    fetchPolicy: async (domain) => {
      world.asked.push(domain);
      if (world.text === '') throw new Error('not now');
      return world.text;
    },
  });
  return { sts, clock, world, say, policy: () => sts.policy('example.net', signal) };
}

test('a policy is fetched again once a day, and lives from then on', async () => {
  const { sts, clock, world, policy } = scene((3 * day) / 1_000);
  await policy();
  expect(await sts.refresh(signal)).toBe(0);
  await clock.advance(day);
  expect(await sts.refresh(signal)).toBe(1);
  expect(await sts.refresh(signal)).toBe(0);
  expect(world.asked).toHaveLength(2);
  // Past the age of the first one: nobody can be had now, and still it holds.
  await clock.advance(2.5 * day);
  [world.text, world.id] = ['', ''];
  expect(await policy()).toMatchObject({ mode: 'enforce' });
  await clock.advance(day);
  expect(await policy()).toBeUndefined();
});

test('one of a short age is fetched again when half of it is over', async () => {
  const { sts, clock, world, policy } = scene(3_600);
  await policy();
  await clock.advance(hour / 2);
  expect(await sts.refresh(signal)).toBe(1);
  expect(world.asked).toHaveLength(2);
});

test('a policy that changed without a new id is noticed by the refresh, one with a new id at once', async () => {
  const { sts, clock, world, say, policy } = scene((9 * day) / 1_000);
  await policy();
  say('testing');
  expect(await policy()).toMatchObject({ mode: 'enforce' });
  await clock.advance(day);
  await sts.refresh(signal);
  expect(await policy()).toMatchObject({ mode: 'testing' });
  say('none');
  world.id = '2';
  expect(await policy()).toMatchObject({ mode: 'none' });
});

test('a refresh that fails changes nothing, and is not tried again at once', async () => {
  const { sts, clock, world, policy } = scene((3 * day) / 1_000);
  await policy();
  await clock.advance(day);
  world.text = '';
  expect(await sts.refresh(signal)).toBe(1);
  expect(await sts.refresh(signal)).toBe(0);
  expect(await policy()).toMatchObject({ mode: 'enforce' });
  await clock.advance(300_000);
  world.text = 'version: STSv9\n';
  expect(await sts.refresh(signal)).toBe(1);
  expect(await policy()).toMatchObject({ mode: 'enforce' });
  expect(sts.failure('example.net')).toBe('sts-policy-invalid');
});

test('what nobody sends by is left to end, and a stop ends the round', async () => {
  const { sts, clock, policy } = scene(31_557_600);
  await policy();
  await clock.advance(32 * day);
  expect(await sts.refresh(signal)).toBe(0);
  await policy();
  expect(await sts.refresh(signal)).toBe(1);
  await clock.advance(day);
  await expect(sts.refresh(AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped');
});
