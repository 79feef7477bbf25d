import { createVirtualClock } from '@postroad/core/testing';
import { expect, test } from 'vitest';
import { isPrivateAddress } from './addresses.js';
import type { SmtpConnection } from './client/smtp-connection.js';
import { ConnectionPool } from './connection-pool.js';

/** A pool, and connections that only tell whether they have said goodbye. */
function scene(limits: Partial<ConstructorParameters<typeof ConnectionPool>[0]> = {}) {
  const clock = createVirtualClock(0);
  const pool = new ConnectionPool(
    { idleMs: 10_000, messagesMax: 100, lifetimeMs: 60_000, idleMax: 2, ...limits },
    clock,
  );
  const gone: string[] = [];
  const connection = (name: string) =>
    ({
      isUsable: true,
      transactions: 1,
      openedAtMs: clock.monotonic(),
      setIdle() {},
      quit: () => gone.push(name),
    }) as unknown as SmtpConnection;
  return { clock, pool, gone, connection };
}

test('of more idle connections than there may be the oldest go', () => {
  const { pool, gone, connection } = scene();
  for (const name of ['a', 'b', 'c']) pool.give('site', connection(name));
  expect([gone, pool.size]).toEqual([['a'], 2]);
});

test('a connection goes when it has waited, and is not taken when it is old', async () => {
  const { pool, gone, clock, connection } = scene({ lifetimeMs: 8_000 });
  pool.give('site', connection('a'));
  await clock.advance(9_000);
  expect(pool.take('site')).toBeUndefined();
  expect(gone).toEqual(['a']);
  pool.give('site', connection('b'));
  await clock.advance(10_000);
  expect([gone, pool.size, clock.timers]).toEqual([['a', 'b'], 0, 0]);
});

test('what comes back to a pool that is closed goes too', () => {
  const { pool, gone, connection } = scene();
  pool.give('site', connection('a'));
  const taken = pool.take('site') as SmtpConnection;
  pool.give('site', connection('b'));
  pool.close();
  pool.give('site', taken);
  expect([gone, pool.size]).toEqual([['b', 'a'], 0]);
});

test.each([
  '127.0.0.1',
  '10.1.2.3',
  '169.254.169.254',
  '::1',
  'fe80::1',
  'fd00::1',
  '::ffff:10.0.0.1',
  '::ffff:a00:1',
])('%s is no address of a stranger', (address) => {
  expect(isPrivateAddress(address)).toBe(true);
});

test.each(['192.0.2.1', '8.8.8.8', '2001:db8::1', '::ffff:8.8.8.8'])('%s is', (address) => {
  expect(isPrivateAddress(address)).toBe(false);
});
