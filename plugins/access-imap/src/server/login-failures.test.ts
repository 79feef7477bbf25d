import { createVirtualClock } from '@postroad/core/testing';
import { expect, test } from 'vitest';
import { LoginFailures } from './login-failures.js';

test('each failure from an address doubles the wait, up to a bound', () => {
  const failures = new LoginFailures(createVirtualClock(), 100);
  expect([1, 2, 3, 4, 5, 6].map(() => failures.add('192.0.2.1'))).toEqual([100, 200, 400, 800, 1600, 1600]);
  expect(failures.add('192.0.2.2')).toBe(100);
});

test('addresses of one IPv6 network count together', () => {
  const failures = new LoginFailures(createVirtualClock(), 100);
  expect(failures.add('2001:db8:1:2::5')).toBe(100);
  expect(failures.add('2001:db8:1:2:9:8:7:6')).toBe(200);
  expect(failures.add('2001:db8:1:3::5')).toBe(100);
  expect(failures.add('2001:db8::2:0:0:0:5')).toBe(100);
});

test('failures are forgotten, and the memory for them is bounded', async () => {
  const clock = createVirtualClock();
  const failures = new LoginFailures(clock, 100);
  failures.add('192.0.2.1');
  await clock.advance(16 * 60_000);
  expect(failures.add('192.0.2.1')).toBe(100);
  for (let at = 0; at < 10_000; at++) failures.add(`10.0.${at >> 8}.${at & 255}`);
  expect(failures.add('192.0.2.1')).toBe(100);
});
