import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mailboxStoreContract } from '@postroad/core/testing';
import { openMailboxStore } from './mailbox-store-lmdb.js';
import { testOptions } from './test-kit.js';

mailboxStoreContract('store-lmdb', async (wish) => {
  const directory = await mkdtemp(join(tmpdir(), 'postroad-store-'));
  const options = testOptions(directory, { changeLogMax: wish.vanishedMax ?? 200 });
  let { store } = openMailboxStore(options);
  return {
    store,
    async reopen() {
      await store.close();
      store = openMailboxStore(options).store;
      return store;
    },
    async close() {
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
});
