/** The mailbox store on LMDB. */
export { type StoreLmdbConfig, type StoreLmdbInput, storeLmdbConfig } from './config.js';
export { createStoreLmdb, type StoreLmdbEnvironment, storeLmdb } from './store-lmdb.js';
