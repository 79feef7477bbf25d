import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mailboxStoreContract } from '@postroad/core/testing';
import { openStoreMaildir } from './mailbox-store-maildir.js';
import { testOptions } from './test-kit.js';

// In memory where that is possible: each test makes accounts, and each of those syncs many files.
const scratch = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

mailboxStoreContract('store-maildir', async (wish) => {
  const directory = await mkdtemp(join(scratch, 'postroad-maildir-'));
  const options = testOptions(directory, { changeLogMax: wish.vanishedMax ?? 200 });
  let store = await openStoreMaildir(options);
  return {
    store,
    // A file for each message, synced one by one.
    bigMailbox: 1_000,
    async reopen() {
      await store.close();
      store = await openStoreMaildir(options);
      return store;
    },
    async close() {
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
});
