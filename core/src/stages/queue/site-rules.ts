/** The rules of the options that fit a site. Pure. */
import type { SiteRule } from '../../mta-options.js';
import { patternOf } from '../../values/pattern.js';

/** Finds the first rule that fits; remembers nothing, so ask once for each site. */
export function createSiteRules(rules: readonly SiteRule[]): (site: string) => SiteRule | undefined {
  const compiled = rules.map((rule) => ({ rule, pattern: patternOf(rule.match) }));
  return (site) => compiled.find(({ pattern }) => pattern.test(site))?.rule;
}
