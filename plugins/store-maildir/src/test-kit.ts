/** What the tests of the store share. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock, Random } from '@postroad/core';
import type { StoreMaildirOptions } from './mailbox-store-maildir.js';

/** The system's clock. */
const clock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  monotonic: () => performance.now(),
  after(delayMs, run) {
    const stop = new AbortController();
    sleep(delayMs, undefined, { ref: false, signal: stop.signal }).then(run, () => undefined);
    return { cancel: () => stop.abort() };
  },
  sleep: (delayMs, signal) => sleep(delayMs, undefined, signal === undefined ? {} : { signal }),
};

const random: Random = {
  number: () => randomBytes(4).readUInt32BE() / 2 ** 32,
  id: () => randomBytes(13).toString('hex'),
  bytes: (length) => randomBytes(length),
};

/** Options with a real clock; errors of the background are dropped. */
export function testOptions(
  directory: string,
  changed: Partial<StoreMaildirOptions> = {},
): StoreMaildirOptions {
  return {
    directory,
    path: '{account}',
    openAccountsMax: 100,
    clock,
    random,
    hostname: 'test',
    changeLogMax: 1_000,
    cachedMessagesMax: 1_000,
    lookEveryMs: 60_000,
    onError: () => undefined,
    ...changed,
  };
}
