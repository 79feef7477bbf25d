/** What is known of one site while it is in use, and for a while after. */
import type { SiteRule } from '../../mta-options.js';
import { createRateLimit, type RateLimit } from './rate-limit.js';
import type { SchedulerOptions } from './scheduler-options.js';
import { createSiteHealth, type SiteHealth } from './site-health.js';
import { createWaitingLine, type WaitingLine } from './waiting-line.js';

/** See the file's comment. */
export interface Site {
  readonly name: string;
  readonly waiting: WaitingLine;
  readonly health: SiteHealth;
  readonly rate: RateLimit | undefined;
  active: number;
  recipients: number;
  /** Set when it was refused more recipients; cleared when half of them are gone, so that the store is asked seldom. */
  isFull: boolean;
}

/** A site that nothing is known of. */
export function createSite(name: string, options: SchedulerOptions, rule: SiteRule | undefined): Site {
  const rate =
    rule?.rate === undefined ? undefined : createRateLimit({ ...rule.rate, units: rule.rate.recipients });
  return {
    name,
    waiting: createWaitingLine(),
    health: createSiteHealth(rule?.deliveriesMax ?? options.deliveriesPerSiteMax, options.retryDelaysMs),
    rate,
    active: 0,
    recipients: 0,
    isFull: false,
  };
}

/** Whether the site is not in use and nothing of worth is known of it; with `evenTroubled`, only whether it is not in use. */
export function isIdle(site: Site, evenTroubled: boolean): boolean {
  if (site.recipients > 0 || site.active > 0) return false;
  return evenTroubled || (site.rate === undefined && !site.health.isTroubled);
}
