/** The public entry of `@postroad/store-maildir`. */
export type { StoreMaildirConfig, StoreMaildirInput } from './config.js';
export { storeMaildir } from './store-maildir.js';
