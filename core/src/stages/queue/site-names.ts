/** Which site a route belongs to: the servers that domains share, or a domain on its own when an option names it. */
import type { MaybePromise } from '../../hooks/kinds.js';
import { type Route, siteOf } from '../../values/route.js';
import type { SchedulerOptions } from './scheduler-options.js';
import type { SchedulerPolicy } from './scheduler-policy.js';

/** See the file's comment. */
export interface SiteNames {
  /** Never rejects. */
  of(route: Route): MaybePromise<string>;
}

/** Longest name of a site that a policy may give: it becomes part of keys. */
const siteLengthMax = 300;

/**
 * Names by the policy. A domain whose own name (`mx:example.com`, without `*`) stands in an option about sites keeps a
 * site of its own, so that what was written for it holds for it alone.
 */
export function createSiteNames(
  policy: SchedulerPolicy,
  options: Pick<SchedulerOptions, 'sites' | 'limits' | 'replies'>,
  failed: (what: string, error: unknown) => void,
): SiteNames {
  const named = new Set(
    [
      ...options.sites.map(({ match }) => match),
      ...[...options.limits, ...options.replies].map(({ site }) => site),
    ]
      .filter((pattern) => pattern !== undefined && !pattern.includes('*'))
      .map((pattern) => pattern?.toLowerCase()),
  );
  const ask = async (route: Route & { readonly transport: 'mx' }, own: string): Promise<string> => {
    try {
      const shared = await policy.site?.(route);
      return shared === undefined || shared === '' ? own : shared.slice(0, siteLengthMax);
    } catch (error) {
      failed('site', error);
      return own;
    }
  };
  return {
    of(route) {
      const own = siteOf(route);
      const isAsked = route.transport === 'mx' && policy.site !== undefined && !named.has(own.toLowerCase());
      return isAsked ? ask(route, own) : own;
    },
  };
}
