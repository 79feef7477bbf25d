/** The mailbox store on LMDB. */
export { type StoreLmdbConfig, type StoreLmdbInput, storeLmdbConfig } from './config.js';
export { createStoreLmdb, type StoreLmdbEnvironment } from './open-store-lmdb.js';
export { storeLmdb } from './store-lmdb.js';
