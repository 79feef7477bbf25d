/** The version of this core, as its package.json says. */
import { createRequire } from 'node:module';

// The same relative place from `src` and from `dist`.
const manifest = createRequire(import.meta.url)('../package.json') as { readonly version: string };

/** Such as `0.1.0`; plugins declare the range that they work with. */
export const coreVersion: string = manifest.version;
