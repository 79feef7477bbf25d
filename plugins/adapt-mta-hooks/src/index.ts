/** The public entry of `@postroad/adapt-mta-hooks`. */
export { adaptMtaHooks } from './adapt-mta-hooks.js';
export type { AdaptMtaHooksOptions, HookServiceOptions } from './config.js';
