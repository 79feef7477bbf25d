/** The queue's options with their defaults, and the limits that follow from them. */
import type { QueueOptions } from '../../mta-options.js';

const minute = 60_000;
const hour = 60 * minute;

/** Every option has a value. */
export interface SchedulerOptions extends Required<QueueOptions> {
  /**
   * Most recipients held in memory, waiting for a slot or being delivered. This, not the depth of the queue, bounds
   * what the scheduler needs.
   */
  readonly leasedMax: number;
  /** Most recipients of one site held in memory. */
  readonly leasedPerSiteMax: number;
  /** Tries without an outcome after which a recipient is held: the process died each time. */
  readonly unsettledAttemptsMax: number;
}

/** Fills in the defaults. */
export function schedulerOptions(options: QueueOptions = {}): SchedulerOptions {
  const deliveriesMax = options.deliveriesMax ?? 200;
  const deliveriesPerSiteMax = options.deliveriesPerSiteMax ?? 20;
  const recipientsPerDeliveryMax = options.recipientsPerDeliveryMax ?? 100;
  const leasedMax = Math.max(1000, 4 * deliveriesMax, 2 * recipientsPerDeliveryMax);
  return {
    retryDelaysMs: options.retryDelaysMs ?? defaultRetryDelaysMs,
    retryJitter: options.retryJitter ?? 0.1,
    // RFC 5321 section 4.5.4.1: the give-up time generally needs to be at least 4-5 days.
    lifetimeMs: options.lifetimeMs ?? 5 * 24 * hour,
    delayWarningMs: options.delayWarningMs ?? 4 * hour,
    deliveriesMax,
    deliveriesPerSiteMax,
    recipientsPerDeliveryMax,
    leaseMs: options.leaseMs ?? hour,
    sites: options.sites ?? [],
    limits: options.limits ?? [],
    replies: options.replies ?? [],
    tenantHeader: options.tenantHeader ?? '',
    campaignHeader: options.campaignHeader ?? 'X-Campaign',
    leasedMax,
    // What does not fit goes back to the store and is read again, which is dear; the table leaves room for others.
    leasedPerSiteMax: Math.max(recipientsPerDeliveryMax, 2 * deliveriesPerSiteMax, leasedMax >> 1),
    unsettledAttemptsMax: 3,
  };
}

/**
 * The part of one of several processes that work the queue together: limits that are for the whole server are divided.
 * A limit below the number of processes is one for each, so that nobody stands still.
 */
export function shareOf(options: SchedulerOptions, processes: number): SchedulerOptions {
  if (processes === 1) return options;
  const part = (count: number): number => Math.max(1, Math.ceil(count / processes));
  const rate = <R extends { readonly perMs: number; readonly burst?: number }>(of: R, units: number): R => ({
    ...of,
    perMs: of.perMs * processes,
    // What may come at once is for all of them too.
    burst: part(of.burst ?? units),
  });
  return {
    ...options,
    deliveriesMax: part(options.deliveriesMax),
    deliveriesPerSiteMax: part(options.deliveriesPerSiteMax),
    sites: options.sites.map((site) => ({
      ...site,
      ...(site.deliveriesMax === undefined ? {} : { deliveriesMax: part(site.deliveriesMax) }),
      ...(site.rate === undefined ? {} : { rate: rate(site.rate, site.rate.recipients) }),
    })),
    limits: options.limits.map((limit) => ({
      ...limit,
      ...(limit.deliveriesMax === undefined ? {} : { deliveriesMax: part(limit.deliveriesMax) }),
      ...(limit.messages === undefined ? {} : { messages: rate(limit.messages, limit.messages.count) }),
      ...(limit.recipients === undefined
        ? {}
        : { recipients: rate(limit.recipients, limit.recipients.count) }),
      ...(limit.octets === undefined ? {} : { octets: rate(limit.octets, limit.octets.count) }),
    })),
  };
}

const defaultRetryDelaysMs = [
  minute,
  5 * minute,
  15 * minute,
  30 * minute,
  hour,
  2 * hour,
  4 * hour,
] as const;
