/** The mailbox store on LMDB. */
export { type StoreLmdbConfig, storeLmdbConfig } from './config.js';
export { storeLmdb } from './store-lmdb.js';
