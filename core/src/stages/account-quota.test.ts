import { describe, expect, it } from 'vitest';
import { createDirectoryMemory } from '../memory/directory-memory.js';
import { createStoreMemory } from '../memory/mailbox-store-memory.js';
import { createLogger } from '../services/pino-logger.js';
import { createVirtualClock } from '../testing/virtual-clock.js';
import { createAccountQuotas } from './account-quota.js';

describe('the quotas of accounts', () => {
  function open() {
    const clock = createVirtualClock();
    const store = createStoreMemory({ nowMs: () => clock.now() });
    const lines: string[] = [];
    let quotaBytes: number | undefined = 1_000;
    const directory = () =>
      createDirectoryMemory([
        {
          address: 'alice@example.org',
          password: 'x',
          id: 'alice',
          ...(quotaBytes === undefined ? {} : { quotaBytes }),
        },
      ]);
    const quotas = createAccountQuotas({
      directory,
      store: () => store,
      clock,
      log: createLogger('error', (line) => lines.push(line)),
    });
    const set = (bytes: number | undefined) => {
      quotaBytes = bytes;
    };
    const limit = async () => (await store.quota('alice')).limitBytes;
    return { clock, store, lines, quotas, set, limit };
  }
  const alice = new Set(['alice', 'nobody']);

  it('go to the store, change there, and go', async () => {
    const { quotas, set, limit } = open();
    await quotas.applyTo(alice);
    expect(await limit()).toBe(1_000);
    set(2_000);
    await quotas.applyTo(alice);
    expect(await limit()).toBe(2_000);
    set(undefined);
    await quotas.applyTo(alice);
    expect(await limit()).toBeUndefined();
  });

  it('are right again some time after somebody else has changed the store', async () => {
    const { quotas, store, clock, limit } = open();
    await quotas.applyTo(alice);
    await store.setQuota('alice', 5);
    await quotas.applyTo(alice);
    expect(await limit()).toBe(5);
    await clock.advance(600_001);
    await quotas.applyTo(alice);
    expect(await limit()).toBe(1_000);
  });

  it('stay as they are when the store fails, which is told', async () => {
    const { quotas, store, lines } = open();
    const { quota } = store;
    Object.assign(store, { quota: () => Promise.reject(new Error('broken')) });
    await quotas.applyTo(alice);
    expect(lines.join('')).toMatch(/not brought over/);
    Object.assign(store, { quota });
    await quotas.applyTo(alice);
    expect((await store.quota('alice')).limitBytes).toBe(1_000);
  });
});
