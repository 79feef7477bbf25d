import { createMemoryCounters } from '@postroad/core';
import { expect, it } from 'vitest';
import { waitOf } from '../src/check-login-abuse.js';
import { Ledger } from '../src/ledger.js';
import { type CheckLoginAbuseOptions, config as schema } from '../src/options.js';

const stillClock = {
  now: () => 0,
  monotonic: () => 0,
  after: () => ({ cancel() {} }),
  sleep: async () => {},
};

async function ledgerWith(options: CheckLoginAbuseOptions = {}) {
  const checked = await schema['~standard'].validate(options);
  if (checked.issues !== undefined) throw new Error('the options are wrong');
  const config = checked.value;
  return { config, ledger: new Ledger(createMemoryCounters({ clock: stillClock }), config) };
}

it('waits double from failure to failure, up to a limit; then logins are put off', async () => {
  const { config, ledger } = await ledgerWith();
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

it('a ban is twice as long each time, up to a limit', async () => {
  const { ledger } = await ledgerWith({ address: { banAfter: 1 } });
  const [address] = ledger.subjects('192.0.2.1', '');
  if (address === undefined) throw new Error('nothing is counted');
  const hours: (number | undefined)[] = [];
  for (let at = 0; at < 7; at++) hours.push(((await ledger.fail(address, 0))?.untilMs ?? 0) / 3_600_000);
  expect(hours).toEqual([1, 2, 4, 8, 16, 24, 24]);
  // Who was let in again by the operator begins anew.
  await ledger.lift(address);
  expect((await ledger.fail(address, 0))?.untilMs).toBe(3_600_000);
});

it('guesses that are made all at once count like those made one after another', async () => {
  const { config, ledger } = await ledgerWith({ address: { slowAfter: 3, banAfter: 12 } });
  const subjects = ledger.subjects('192.0.2.1', '').slice(0, 1);
  for (const subject of subjects) await ledger.fail(subject, 0);
  const verdicts: unknown[] = [];
  for (let at = 0; at < 14; at++) verdicts.push(await waitOf(ledger, subjects, config));
  expect(verdicts.slice(0, 5)).toEqual([0, 0, 0, 500, 1_000]);
  expect(verdicts.slice(11)).toEqual(['crowd', 'crowd', 'crowd']);
});
