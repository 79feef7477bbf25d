/** The second entry, `@postroad/postgres/testing`. */

export { askOf } from './ask-of.js';
export { type CutNetwork, type CutWire, networkMissing, openCutNetwork } from './cut-network.js';
export { postgresMissing, startTestPostgres, type TestPostgres } from './test-server.js';
