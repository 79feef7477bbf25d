/**
 * Limits across sites: by recipient's domain, tenant, account, campaign or any of them together. Each counts deliveries
 * at once and rates of messages, recipients and octets. Pure; bounded by the number of values that are in use.
 */
import type { LimitRule, RateOption } from '../../mta-options.js';
import { patternOf } from '../../values/pattern.js';
import type { DeliveryJob } from './delivery-job.js';
import { tenantOf } from './matches-filter.js';
import { createRateLimit, type RateLimit } from './rate-limit.js';

/** Why a delivery may not begin: until a moment, or until others of its kind have ended. */
export interface Blocked {
  readonly untilMs?: number;
}

/** See the file's comment. */
export interface LimitTable {
  /** `undefined` when the delivery may begin. */
  blocked(job: DeliveryJob, nowMs: number): Blocked | undefined;
  /**
   * When a delivery that is blocked should come back: each one that asks is given a later moment, so that they come as
   * fast as the limit lets them go, and not all at once.
   */
  comeBackAtMs(job: DeliveryJob, nowMs: number): number;
  /** The rules that fit a delivery. */
  fitting(job: DeliveryJob): readonly LimitRule[];
  begin(job: DeliveryJob, nowMs: number): void;
  ended(job: DeliveryJob): void;
  readonly isEmpty: boolean;
}

interface Compiled {
  readonly rule: LimitRule;
  readonly patterns: readonly (readonly [dimension: Dimension, pattern: RegExp])[];
}

interface Bucket {
  readonly rule: LimitRule;
  readonly rates: readonly { readonly limit: RateLimit; readonly unit: Unit; readonly intervalMs: number }[];
  active: number;
  backlogUntilMs: number;
  usedAtMs: number;
}

type Dimension = 'site' | 'domain' | 'tenant' | 'account' | 'campaign';
type Unit = 'messages' | 'recipients' | 'octets';

const units: readonly Unit[] = ['messages', 'recipients', 'octets'];
const dimensions: readonly Dimension[] = ['site', 'domain', 'tenant', 'account', 'campaign'];
/** Values that are remembered; more of them only while deliveries of theirs are under way. */
const bucketsMax = 20_000;
const forgottenAfterMs = 86_400_000;
/** How long those wait that are too many at once: an end of one of the others is not foreseen. */
const atOnceWaitMs = 250;

/** A table for the rules; all that fit a delivery count. So many `sharers` keep to them together. */
export function createLimitTable(rules: readonly LimitRule[], sharers: () => number = () => 1): LimitTable {
  const mostOf = ({ deliveriesMax }: LimitRule): number =>
    deliveriesMax === undefined
      ? Number.POSITIVE_INFINITY
      : Math.max(1, Math.ceil(deliveriesMax / Math.max(1, sharers())));
  const compiled = rules.map(compile);
  const buckets = new Map<string, Bucket>();

  function keysOf(job: DeliveryJob): readonly (readonly [key: string, rule: LimitRule])[] {
    return compiled.flatMap((one, at) => {
      if (!isFitting(one, job)) return [];
      const values = (one.rule.per ?? []).map((dimension) => dimensionOf(job, dimension));
      return [[`${at} ${JSON.stringify(values)}`, one.rule] as const];
    });
  }

  function bucketsOf(job: DeliveryJob, nowMs: number): readonly Bucket[] {
    return keysOf(job).map(([key, rule]) => {
      let bucket = buckets.get(key);
      if (bucket === undefined) {
        if (buckets.size >= bucketsMax) forget(buckets, nowMs);
        bucket = createBucket(rule, nowMs);
        buckets.set(key, bucket);
      }
      bucket.usedAtMs = nowMs;
      return bucket;
    });
  }

  return {
    isEmpty: rules.length === 0,
    blocked(job, nowMs) {
      if (compiled.length === 0) return undefined;
      let untilMs = nowMs;
      for (const bucket of bucketsOf(job, nowMs)) {
        if (bucket.active >= mostOf(bucket.rule)) return {};
        for (const { limit } of bucket.rates) untilMs = Math.max(untilMs, limit.allowedAtMs(nowMs));
      }
      return untilMs > nowMs ? { untilMs } : undefined;
    },
    comeBackAtMs(job, nowMs) {
      let latestMs = nowMs;
      for (const bucket of bucketsOf(job, nowMs)) {
        let openMs = nowMs;
        let spanMs = bucket.active >= mostOf(bucket.rule) ? atOnceWaitMs : 0;
        for (const { limit, unit, intervalMs } of bucket.rates) {
          openMs = Math.max(openMs, limit.allowedAtMs(nowMs));
          spanMs = Math.max(spanMs, unitsOf(job, unit) * intervalMs * Math.max(1, sharers()));
        }
        bucket.backlogUntilMs = Math.max(bucket.backlogUntilMs, openMs) + spanMs;
        latestMs = Math.max(latestMs, bucket.backlogUntilMs);
      }
      return Math.ceil(latestMs);
    },
    fitting: (job) => compiled.filter((one) => isFitting(one, job)).map(({ rule }) => rule),
    begin(job, nowMs) {
      for (const bucket of bucketsOf(job, nowMs)) {
        bucket.active++;
        // What we take, the others may take too.
        for (const { limit, unit } of bucket.rates)
          limit.take(nowMs, unitsOf(job, unit) * Math.max(1, sharers()));
      }
    },
    ended(job) {
      // What is in use is never forgotten.
      for (const [key] of keysOf(job)) {
        const bucket = buckets.get(key);
        if (bucket !== undefined) bucket.active = Math.max(0, bucket.active - 1);
      }
    },
  };
}

function compile(rule: LimitRule): Compiled {
  const patterns = dimensions.flatMap((dimension) => {
    const text = rule[dimension];
    return text === undefined ? [] : [[dimension, patternOf(text)] as const];
  });
  return { rule, patterns };
}

function isFitting({ patterns }: Compiled, job: DeliveryJob): boolean {
  return patterns.every(([dimension, pattern]) => pattern.test(dimensionOf(job, dimension)));
}

function createBucket(rule: LimitRule, nowMs: number): Bucket {
  const rates = units.flatMap((unit) => {
    const rate: RateOption | undefined = rule[unit];
    if (rate === undefined) return [];
    const { count, perMs, burst } = rate;
    const limit = createRateLimit({ units: count, perMs, ...(burst === undefined ? {} : { burst }) });
    return [{ limit, unit, intervalMs: perMs / count }];
  });
  return { rule, rates, active: 0, backlogUntilMs: 0, usedAtMs: nowMs };
}

/** Forgets what nothing is known of any more: not in use, and not for longer than any sensible rate counts. */
function forget(buckets: Map<string, Bucket>, nowMs: number): void {
  for (const [key, { active, usedAtMs, rates }] of buckets) {
    const isOpen = rates.every(({ limit }) => limit.allowedAtMs(nowMs) <= nowMs);
    if (active === 0 && (isOpen || usedAtMs + forgottenAfterMs < nowMs)) buckets.delete(key);
  }
}

function dimensionOf(job: DeliveryJob, dimension: Dimension): string {
  switch (dimension) {
    case 'site':
      return job.site;
    case 'domain':
      return job.recipients[0]?.address.domain ?? '';
    case 'tenant':
      return tenantOf(job.message);
    case 'account':
      return job.message.origin.accountId ?? '';
    case 'campaign':
      return job.message.origin.campaign ?? '';
  }
}

function unitsOf(job: DeliveryJob, unit: Unit): number {
  if (unit === 'messages') return 1;
  if (unit === 'recipients') return job.recipients.length;
  return job.message.body.sizeBytes + job.message.headerPrefix.length;
}
