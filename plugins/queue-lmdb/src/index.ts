/** The public entry of `@postroad/queue-lmdb`. */
export { type LmdbQueueOptions, openLmdbQueueStore } from './lmdb-queue-store.js';
export { queueLmdb } from './queue-lmdb.js';
