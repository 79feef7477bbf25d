/**
 * The deliveries that wait for a slot, by site. Sites take turns, and how many slots a site may have depends on how
 * many are free, so that slow sites, however many, can't take the last one.
 */
import type { RecipientOutcome } from '../../values/report.js';
import type { DeliveryJob } from './delivery-job.js';
import { createLimitTable } from './limit-table.js';
import { tenantOf } from './matches-filter.js';
import type { SchedulerOptions } from './scheduler-options.js';
import { createSite, isIdle, type Site } from './site.js';
import type { DeadSite } from './site-health.js';
import { createSiteRules } from './site-rules.js';

/** See the file's comment. */
export interface SiteTable {
  /** Whether a site may have more recipients in memory; when not, they stay in the store. */
  hasRoom(site: string): boolean;
  /** Puts a delivery behind the others of its site. */
  add(job: DeliveryJob): void;
  /** The next delivery to begin, of the site whose turn it is; `undefined` when no site may begin one. */
  next(nowMs: number): DeliveryJob | undefined;
  /** A delivery that `next` gave has ended. */
  ended(job: DeliveryJob): void;
  /** Its recipients are settled: they need no memory any more. `true` when a site that was full has room again. */
  forget(job: DeliveryJob): boolean;
  /** The site does well. */
  good(site: string, nowMs: number): void;
  /** The site makes trouble. */
  trouble(site: string, nowMs: number, random: number, outcome: RecipientOutcome): void;
  /** The site wants to be tried at this moment and not before. */
  leaveAlone(site: string, untilMs: number, outcome: RecipientOutcome): void;
  /** At most so many deliveries at once until then. */
  slowDown(site: string, deliveriesMax: number, untilMs: number): void;
  /**
   * When a delivery is to come back that a limit keeps from beginning soon: in memory it would only take the room of
   * others. `undefined` when it may wait here.
   */
  postponed(job: DeliveryJob, nowMs: number): number | undefined;
  /** Set while the site is left alone. */
  dead(site: string, nowMs: number): DeadSite | undefined;
  /** What the site may do now, and does. */
  status(site: string, nowMs: number): { readonly window: number; readonly active: number };
  /** Takes the deliveries of a site that have not begun out of the table. */
  takeWaiting(site: string): readonly DeliveryJob[];
  /** Takes deliveries that are meant and have not begun out of the table. */
  takeWhere(isMeant: (job: DeliveryJob) => boolean): readonly DeliveryJob[];
  /** Sites the store is not to give now: they have no room. */
  closed(): ReadonlySet<string>;
  /** Takes all deliveries that have not begun out of the table. */
  takeAll(): readonly DeliveryJob[];
  /** When the first site that waits for a moment may begin; `undefined` when none does. */
  nextOpenAtMs(nowMs: number): number | undefined;
  /** Recipients in memory. */
  readonly recipients: number;
  readonly active: number;
}

/** Most sites whose troubles are remembered while nothing is sent to them. */
const sitesMax = 10_000;

/** Deliveries that a limit lets begin within this time wait in memory, so many of a tenant at a site. */
const waitInMemoryMsMax = 5_000;
const lineMax = 20;

/** An empty table. Limits are divided by `sharers`: so many processes work the queue at the moment. */
export function createSiteTable(options: SchedulerOptions, sharers: () => number = () => 1): SiteTable {
  /** Our part of a limit; one at least, so that nobody stands still. */
  const part = (count: number): number => Math.max(1, Math.ceil(count / Math.max(1, sharers())));
  const ruleOf = createSiteRules(options.sites);
  const sites = new Map<string, Site>();
  // Sites with waiting deliveries, in the order of their turns.
  const turns = new Map<string, Site>();
  const limits = createLimitTable(options.limits, sharers);
  let active = 0;
  let recipients = 0;
  // When the first delivery that a limit blocked may begin; found anew each time `next` looks.
  let blockedUntilMs: number | undefined;

  function siteOf(name: string): Site {
    let site = sites.get(name);
    if (site === undefined) {
      if (sites.size >= sitesMax) forgetIdle();
      site = createSite(name, options, ruleOf(name));
      sites.set(name, site);
    }
    return site;
  }

  function forgetIdle(): void {
    for (const site of sites.values()) if (isIdle(site, true)) sites.delete(site.name);
  }

  /** Half of the room that is left: however many sites are slow, there is room for the next one. */
  function recipientsMax(): number {
    const free = options.leasedMax - recipients;
    return Math.min(options.leasedPerSiteMax, Math.max(1, free >> 1));
  }

  function fillsUp(site: Site): boolean {
    site.isFull ||= site.recipients > 0 && site.recipients >= recipientsMax();
    return site.isFull;
  }

  /**
   * A quarter of the slots is kept for sites that have none; of the others a site may have twice as many as are free.
   * So one site alone may take half of all, and however many are slow, there is a slot for the next.
   */
  function mayBegin(site: Site, nowMs: number): boolean {
    const deliveriesMax = part(options.deliveriesMax);
    const free = deliveriesMax - active - (deliveriesMax >> 2);
    if (site.active > 0 && site.active >= 2 * free) return false;
    return site.active < windowOf(site, nowMs) && (site.rate?.allowedAtMs(nowMs) ?? nowMs) <= nowMs;
  }

  function windowOf(site: Site, nowMs: number): number {
    const most = part(ruleOf(site.name)?.deliveriesMax ?? options.deliveriesPerSiteMax);
    return Math.min(site.health.window(nowMs), most);
  }

  function passes(job: DeliveryJob, nowMs: number): boolean {
    const blocked = limits.blocked(job, nowMs);
    if (blocked?.untilMs !== undefined) {
      blockedUntilMs = Math.min(blockedUntilMs ?? blocked.untilMs, blocked.untilMs);
    }
    return blocked === undefined;
  }

  function removeTurn(site: Site): void {
    turns.delete(site.name);
    // Behind all others: that is the turn.
    if (site.waiting.size > 0) turns.set(site.name, site);
  }

  return {
    hasRoom(name) {
      const site = sites.get(name);
      return site === undefined || !fillsUp(site);
    },
    add(job) {
      const site = siteOf(job.site);
      site.waiting.add(job);
      site.recipients += job.recipients.length;
      recipients += job.recipients.length;
      if (!turns.has(site.name)) turns.set(site.name, site);
    },
    next(nowMs) {
      blockedUntilMs = undefined;
      if (active >= part(options.deliveriesMax)) return undefined;
      for (const site of turns.values()) {
        if (!mayBegin(site, nowMs)) continue;
        const job = site.waiting.take(limits.isEmpty ? undefined : (one) => passes(one, nowMs));
        if (job === undefined) continue;
        removeTurn(site);
        limits.begin(job, nowMs);
        // What we take, the others may take too.
        site.rate?.take(nowMs, job.recipients.length * Math.max(1, sharers()));
        site.active++;
        active++;
        return job;
      }
      return undefined;
    },
    ended(job) {
      siteOf(job.site).active--;
      active--;
      limits.ended(job);
    },
    forget(job) {
      const site = siteOf(job.site);
      site.recipients -= job.recipients.length;
      recipients -= job.recipients.length;
      const isOpened = site.isFull && site.recipients <= recipientsMax() >> 1;
      if (isOpened) site.isFull = false;
      if (isIdle(site, false)) sites.delete(site.name);
      return isOpened;
    },
    good: (name, nowMs) => siteOf(name).health.good(nowMs),
    trouble: (name, nowMs, random, outcome) => siteOf(name).health.trouble(nowMs, random, outcome),
    leaveAlone: (name, untilMs, outcome) => siteOf(name).health.leaveAlone(untilMs, outcome),
    dead: (name, nowMs) => sites.get(name)?.health.dead(nowMs),
    status(name, nowMs) {
      // One that is not in use is as one that nothing is known of.
      const site = sites.get(name) ?? createSite(name, options, ruleOf(name));
      return { window: windowOf(site, nowMs), active: site.active };
    },
    takeWaiting(name) {
      turns.delete(name);
      return sites.get(name)?.waiting.takeAll() ?? [];
    },
    takeWhere(isMeant) {
      const taken: DeliveryJob[] = [];
      for (const site of [...turns.values()]) {
        taken.push(...site.waiting.takeWhere(isMeant));
        if (site.waiting.size === 0) turns.delete(site.name);
      }
      return taken;
    },
    closed() {
      const closed = new Set<string>();
      for (const site of sites.values()) if (fillsUp(site)) closed.add(site.name);
      return closed;
    },
    takeAll() {
      const jobs = [...turns.values()].flatMap((site) => site.waiting.takeAll());
      turns.clear();
      return jobs;
    },
    slowDown: (name, deliveriesMax, untilMs) => siteOf(name).health.slowDown(deliveriesMax, untilMs),
    postponed(job, nowMs) {
      if (limits.isEmpty) return undefined;
      const blocked = limits.blocked(job, nowMs);
      if (blocked === undefined) return undefined;
      const { untilMs } = blocked;
      const line = sites.get(job.site)?.waiting.waitingOf(tenantOf(job.message)) ?? 0;
      if (untilMs !== undefined ? untilMs - nowMs < waitInMemoryMsMax && line < lineMax : line < lineMax) {
        return undefined;
      }
      return limits.comeBackAtMs(job, nowMs);
    },
    nextOpenAtMs(nowMs) {
      let nextMs: number | undefined =
        blockedUntilMs !== undefined && blockedUntilMs > nowMs ? blockedUntilMs : undefined;
      for (const site of turns.values()) {
        const atMs = site.rate?.allowedAtMs(nowMs) ?? nowMs;
        if (atMs > nowMs && (nextMs === undefined || atMs < nextMs)) nextMs = atMs;
      }
      return nextMs;
    },
    get recipients() {
      return recipients;
    },
    get active() {
      return active;
    },
  };
}
