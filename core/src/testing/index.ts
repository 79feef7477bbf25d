/** The second entry, `@postroad/core/testing`: what plugins are tested with. */
export { type ContractAccount, directoryContract, type OpenDirectory } from './contracts/directory.js';
