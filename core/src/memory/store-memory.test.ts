import { mailboxStoreContract } from '../testing/contracts/mailbox-store.js';
import { createStoreMemory } from './mailbox-store-memory.js';

mailboxStoreContract('store-memory', async (wish) => {
  const store = createStoreMemory({ nowMs: () => 1_700_000_000_000, ...wish });
  return { store, close: () => store.close() };
});
