import { queueStoreContract } from '../testing/contracts/queue-store.js';
import { createMemoryQueueStore } from './memory-queue-store.js';

queueStoreContract('memory', async () => {
  const store = createMemoryQueueStore();
  return { store, reopen: async () => store, remove: async () => {} };
});
