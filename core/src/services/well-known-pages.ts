/** Pages that one plugin has to show and another one serves: a port of HTTP has one owner. */
import { token } from '../di/token.js';

/** The text for what stands behind the prefix; `undefined` when there is none. It may be asked by anybody for anything. */
export type FindPage = (rest: string) => Promise<string | undefined>;

/** Pages by the beginning of their path, such as `/.well-known/acme-challenge/` (RFC 8615). */
export interface WellKnownPages {
  /** From now on pages under the prefix are found so; the last one who says it for a prefix counts. */
  serve(prefix: string, find: FindPage): void;
  /** The text for a path without its query. Plugins that serve HTTP ask here before they look for pages of their own. */
  find(path: string): Promise<string | undefined>;
}

/** The token of the pages. */
export const WellKnownPages = token<WellKnownPages>('core.well-known-pages');

/** Those of one generation. */
export function createWellKnownPages(): WellKnownPages {
  const finders = new Map<string, FindPage>();
  return {
    serve: (prefix, find) => void finders.set(prefix, find),
    async find(path) {
      for (const [prefix, find] of finders) {
        if (path.startsWith(prefix)) return await find(path.slice(prefix.length));
      }
      return undefined;
    },
  };
}
