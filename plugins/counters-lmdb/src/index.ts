/** The public entry of `@postroad/counters-lmdb`. */
export { countersLmdb } from './counters-lmdb.js';
export { type LmdbCountersOptions, type OpenLmdbCounters, openLmdbCounters } from './lmdb-counters.js';
