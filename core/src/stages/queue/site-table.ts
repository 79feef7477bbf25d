/**
 * The deliveries that wait for a slot, by site. Sites take turns, and how many slots a site may have depends on how
 * many are free, so that slow sites, however many, can't take the last one.
 */
import type { DeliveryJob } from './delivery-job.js';
import type { SchedulerOptions } from './scheduler-options.js';

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
  /** No delivery to the site begins before this moment. */
  block(site: string, untilMs: number): void;
  /** Sites the store is not to give now: blocked, or without room. */
  closed(nowMs: number): ReadonlySet<string>;
  /** Takes all deliveries that have not begun out of the table. */
  takeAll(): readonly DeliveryJob[];
  /** When the first blocked site opens again; `undefined` when none is blocked. */
  nextOpenAtMs(nowMs: number): number | undefined;
  /** Recipients in memory. */
  readonly recipients: number;
  readonly active: number;
}

interface Site {
  readonly name: string;
  readonly waiting: DeliveryJob[];
  active: number;
  recipients: number;
  blockedUntilMs: number;
  /** Set when it was refused more recipients; cleared when half of them are gone, so that the store is asked seldom. */
  isFull: boolean;
}

/** An empty table. */
export function createSiteTable(options: SchedulerOptions): SiteTable {
  const sites = new Map<string, Site>();
  // Sites with waiting deliveries, in the order of their turns.
  const turns = new Map<string, Site>();
  const blocked = new Map<string, Site>();
  let active = 0;
  let recipients = 0;

  function siteOf(name: string): Site {
    let site = sites.get(name);
    if (site === undefined) {
      site = { name, waiting: [], active: 0, recipients: 0, blockedUntilMs: 0, isFull: false };
      sites.set(name, site);
    }
    return site;
  }

  function forgetIdle(site: Site): void {
    if (site.recipients === 0 && site.active === 0 && !blocked.has(site.name)) sites.delete(site.name);
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

  /** Twice the free slots: one site alone may take two thirds of all, a hundred slow ones leave some to others. */
  function mayBegin(site: Site, nowMs: number): boolean {
    const free = options.deliveriesMax - active;
    return (
      site.active < options.deliveriesPerSiteMax && site.active < 2 * free && site.blockedUntilMs <= nowMs
    );
  }

  function unblock(nowMs: number): void {
    for (const site of blocked.values()) {
      if (site.blockedUntilMs > nowMs) continue;
      blocked.delete(site.name);
      forgetIdle(site);
    }
  }

  return {
    hasRoom(name) {
      const site = sites.get(name);
      return site === undefined || !fillsUp(site);
    },
    add(job) {
      const site = siteOf(job.site);
      site.waiting.push(job);
      site.recipients += job.recipients.length;
      recipients += job.recipients.length;
      turns.set(site.name, site);
    },
    next(nowMs) {
      if (active >= options.deliveriesMax) return undefined;
      for (const site of turns.values()) {
        if (!mayBegin(site, nowMs)) continue;
        turns.delete(site.name);
        const job = site.waiting.shift() as DeliveryJob;
        // Behind all others: that is the turn.
        if (site.waiting.length > 0) turns.set(site.name, site);
        site.active++;
        active++;
        return job;
      }
      return undefined;
    },
    ended(job) {
      siteOf(job.site).active--;
      active--;
    },
    forget(job) {
      const site = siteOf(job.site);
      site.recipients -= job.recipients.length;
      recipients -= job.recipients.length;
      const isOpened = site.isFull && site.recipients <= recipientsMax() >> 1;
      if (isOpened) site.isFull = false;
      forgetIdle(site);
      return isOpened;
    },
    block(name, untilMs) {
      const site = siteOf(name);
      site.blockedUntilMs = Math.max(site.blockedUntilMs, untilMs);
      blocked.set(name, site);
    },
    closed(nowMs) {
      unblock(nowMs);
      const closed = new Set(blocked.keys());
      for (const site of sites.values()) if (fillsUp(site)) closed.add(site.name);
      return closed;
    },
    takeAll() {
      const jobs: DeliveryJob[] = [];
      for (const site of turns.values()) jobs.push(...site.waiting.splice(0));
      turns.clear();
      return jobs;
    },
    nextOpenAtMs(nowMs) {
      unblock(nowMs);
      let nextMs: number | undefined;
      for (const site of blocked.values()) {
        if (nextMs === undefined || site.blockedUntilMs < nextMs) nextMs = site.blockedUntilMs;
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
