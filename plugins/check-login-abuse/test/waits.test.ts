import { createMemoryCounters } from '@postroad/core';
import { expect, it } from 'vitest';
import { waitOf } from '../src/check-login-abuse.js';
import { Ledger } from '../src/ledger.js';
import { config as schema } from '../src/options.js';

const stillClock = {
  now: () => 0,
  monotonic: () => 0,
  after: () => ({ cancel() {} }),
  sleep: async () => {},
};

it('waits double from failure to failure, up to a limit; then logins are put off', async () => {
  const checked = await schema['~standard'].validate({});
  if (checked.issues !== undefined) throw new Error('the defaults are wrong');
  const config = checked.value;
  const ledger = new Ledger(createMemoryCounters({ clock: stillClock }), config);
  const waits: unknown[] = [];
  for (let at = 0; at < 13; at++) {
    const subjects = ledger.subjects('192.0.2.1', `user${at}`);
    waits.push(await waitOf(ledger, subjects, config));
    for (const subject of subjects) {
      await ledger.fail(subject, 0);
      await ledger.end(subject);
    }
  }
  expect(waits).toEqual([0, 0, 0, 0, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000, 'ban']);
});
