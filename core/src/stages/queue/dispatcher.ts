/** Recipients in the scheduler's hands: routed, sorted by site, delivered in turn, settled. */
import { setMaxListeners } from 'node:events';
import type { Clock } from '../../services/clock.js';
import type { Logger } from '../../services/logger.js';
import type { Metrics } from '../../services/metrics.js';
import type { LeaseRequest, QueuedMessage, QueuedRecipient, QueueStore } from '../../services/queue-store.js';
import type { Random } from '../../services/random.js';
import { createActiveMessages } from './active-messages.js';
import { attempt } from './attempt.js';
import { type Conclusion, conclude, type Ended, type Judge } from './conclude.js';
import { type DeliveryJob, gatherJobs } from './delivery-job.js';
import type { WorkHint } from './fetcher.js';
import { sortByRoute } from './intake.js';
import type { SchedulerOptions } from './scheduler-options.js';
import type { SchedulerPolicy } from './scheduler-policy.js';
import { createSettler } from './settler.js';
import { createSiteTable } from './site-table.js';

/** See the file's comment. */
export interface Dispatcher {
  /** Takes leased recipients of a message. Never throws; whatever happens to them is settled. */
  take(message: QueuedMessage, recipients: readonly QueuedRecipient[]): void;
  /** Leased recipients that can't be tried: held with the reason. */
  setAside(recipients: readonly QueuedRecipient[], reason: string): void;
  /** Leased recipients that can't be tried now: ready again, or waiting when a moment is given. */
  giveBack(recipients: readonly QueuedRecipient[], dueAtMs?: number): void;
  /** A message that is in use. */
  message(id: string): QueuedMessage | undefined;
  /** Whether so many recipients more fit into memory. */
  hasRoom(recipients: number): boolean;
  /** What the store may give now. */
  room(nowMs: number): Required<Pick<LeaseRequest, 'limit' | 'perSiteMax' | 'exceptSites'>>;
  /** When the first blocked site opens. */
  nextOpenAtMs(nowMs: number): number | undefined;
  drain(deadlineMs: number): Promise<void>;
}

/** What it works with. */
export interface DispatcherParts {
  readonly store: QueueStore;
  readonly policy: SchedulerPolicy;
  readonly clock: Clock;
  readonly random: Random;
  readonly options: SchedulerOptions;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly owner: string;
}

/** A dispatcher. `changed` is told when there may be new work in the store, or room for it. */
export function createDispatcher(
  parts: DispatcherParts,
  of: { changed(hint: WorkHint): void; isRunning(): boolean },
): Dispatcher {
  const { policy, clock, options, log } = parts;
  const messages = createActiveMessages();
  const sites = createSiteTable(options);
  const settler = createSettler(parts);
  const stopping = new AbortController();
  // Every delivery that is under way listens: as many as the options allow.
  setMaxListeners(0, stopping.signal);
  // Recipients that are neither in the table nor settled: being routed, refused, given back.
  let passing = 0;
  const busy = new Set<Promise<void>>();
  const failed = (what: string, error: unknown): undefined => {
    log.error('queue policy failed', { what, error });
    return undefined;
  };
  const judge: Judge = {
    policy,
    options,
    nowMs: () => clock.now(),
    random: () => parts.random.number(),
    failed,
  };
  const ends = endCounters(parts.metrics);

  function track(work: Promise<void>): void {
    busy.add(work);
    void work.finally(() => busy.delete(work));
  }

  async function intake(message: QueuedMessage, recipients: readonly QueuedRecipient[]): Promise<void> {
    const fit = recipients.filter((one) => one.unsettledAttempts <= options.unsettledAttemptsMax);
    if (fit.length < recipients.length) holdPoison(message, recipients);
    const sorted = await sortByRoute(message, fit, policy, failed);
    for (const job of gatherJobs(message, sorted.routed, options.recipientsPerDeliveryMax)) queue(job);
    if (sorted.refused.length === 0) return;
    const site = sorted.refused[0]?.recipient.site ?? 'new';
    await settle({ message, site, recipients: sorted.refused, successKind: 'relayed' });
    passing -= sorted.refused.length;
  }

  function holdPoison(message: QueuedMessage, recipients: readonly QueuedRecipient[]): void {
    const poison = recipients.filter((one) => one.unsettledAttempts > options.unsettledAttemptsMax);
    log.error('queue held recipients whose deliveries never ended', { messageId: message.id });
    passing -= poison.length;
    setAside(poison, `the server stopped ${poison[0]?.unsettledAttempts} times while it was delivered`);
    messages.letGo(message.id, poison.length);
  }

  function queue(job: DeliveryJob): void {
    passing -= job.recipients.length;
    if (of.isRunning() && sites.hasRoom(job.site)) {
      sites.add(job);
      return;
    }
    messages.letGo(job.message.id, job.recipients.length);
    giveBack(job.recipients, undefined, job.site);
  }

  function begin(): void {
    for (let job = next(); job !== undefined; job = next()) track(run(job));
  }

  function next(): DeliveryJob | undefined {
    // While the store refuses to take outcomes, nothing is begun whose outcome it would have to take.
    if (!of.isRunning() || settler.isFailing) return undefined;
    return sites.next(clock.now());
  }

  async function run(job: DeliveryJob): Promise<void> {
    const leaseEndsMs = Math.min(...job.recipients.map((one) => one.dueAtMs));
    const leftMs = leaseEndsMs - clock.now();
    if (leftMs < options.leaseMs / 2) {
      // It waited for its turn too long to be tried in what is left of the lease.
      sites.ended(job);
      messages.letGo(job.message.id, job.recipients.length);
      giveBack(job.recipients, undefined, job.site);
      forget(job);
      return;
    }
    const { ended, report } = await attempt(job, leftMs - options.leaseMs / 10, {
      policy,
      clock,
      random: parts.random,
      stopping: stopping.signal,
      failed,
    });
    sites.ended(job);
    if (report.siteRetryAtMs !== undefined && report.siteRetryAtMs > clock.now()) {
      sites.block(job.site, report.siteRetryAtMs);
      of.changed({});
    }
    begin();
    await settle(ended);
    forget(job);
  }

  function forget(job: DeliveryJob): void {
    of.changed({ isMore: sites.forget(job) });
    begin();
  }

  async function settle(ended: Ended): Promise<void> {
    const conclusion = await conclude(ended, judge);
    const isDurable = await settler.settle(conclusion);
    messages.letGo(ended.message.id, ended.recipients.length);
    for (const addition of conclusion.additions) void addition.body.release();
    if (isDurable) tell(conclusion);
  }

  function tell(conclusion: Conclusion): void {
    for (const event of conclusion.events) {
      ends[event.status].increase();
      try {
        policy.settled(event);
      } catch (error) {
        failed('settled', error);
      }
    }
    if (conclusion.additions.length > 0) of.changed({ isMore: true });
    for (const one of conclusion.settlements) if (one.to === 'waiting') of.changed({ dueAtMs: one.dueAtMs });
  }

  function setAside(recipients: readonly QueuedRecipient[], holdReason: string): void {
    const settlements = recipients.map(({ messageId, index }) => {
      return { messageId, index, to: 'held', dueAtMs: 0, holdReason } as const;
    });
    track(settler.settle({ settlements, additions: [] }).then(() => undefined));
  }

  function giveBack(recipients: readonly QueuedRecipient[], dueAtMs?: number, site?: string): void {
    const to = dueAtMs === undefined ? ('ready' as const) : ('waiting' as const);
    const settlements = recipients.map(({ messageId, index, site: known }) => {
      const atMs = dueAtMs ?? clock.now();
      return { messageId, index, to, dueAtMs: atMs, isUntried: true, site: site ?? known };
    });
    passing += recipients.length;
    const settled = settler.settle({ settlements, additions: [] }).then(() => {
      passing -= recipients.length;
      of.changed(dueAtMs === undefined ? { isMore: true } : { dueAtMs });
    });
    track(settled);
  }

  return {
    take(message, recipients) {
      messages.hold(message, recipients.length);
      passing += recipients.length;
      track(intake(message, recipients).then(begin));
    },
    setAside,
    giveBack: (recipients, dueAtMs) => giveBack(recipients, dueAtMs),
    message: (id) => messages.find(id),
    hasRoom(recipients) {
      return !settler.isFailing && passing + sites.recipients + recipients <= options.leasedMax;
    },
    room(nowMs) {
      const limit = Math.max(1, options.leasedMax - passing - sites.recipients);
      const perSiteMax = Math.min(options.leasedPerSiteMax, Math.max(1, limit >> 1));
      return { limit, perSiteMax, exceptSites: sites.closed(nowMs) };
    },
    nextOpenAtMs: (nowMs) => sites.nextOpenAtMs(nowMs),
    async drain(deadlineMs) {
      for (const job of sites.takeAll()) {
        messages.letGo(job.message.id, job.recipients.length);
        giveBack(job.recipients, undefined, job.site);
        sites.forget(job);
      }
      const timer = clock.after(deadlineMs, () => stopping.abort());
      while (busy.size > 0 && !stopping.signal.aborted) await anyOf(busy, stopping.signal);
      timer.cancel();
      stopping.abort();
      settler.stop();
      // What is left now ends at once: tries are aborted, and commits are not tried again.
      while (busy.size > 0) await Promise.all(busy);
    },
  };
}

function anyOf(work: ReadonlySet<Promise<void>>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    void Promise.race(work).then(resolve, resolve);
  });
}

function endCounters(metrics: Metrics) {
  const counter = (status: string) =>
    metrics.counter('queue_recipients_ended', 'Recipients whose way has ended', { status });
  return {
    delivered: counter('delivered'),
    bounced: counter('bounced'),
    expired: counter('expired'),
    dropped: counter('dropped'),
  };
}
