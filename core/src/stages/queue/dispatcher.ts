/** Recipients in the scheduler's hands: routed, sorted by site, delivered in turn, settled. */
import { isThenable } from '../../hooks/call.js';
import type { OutboxEvent } from '../../services/outbox.js';
import type { AddressResolution, Suspension } from '../../services/queue.js';
import type { LeaseRequest, QueuedMessage, QueuedRecipient } from '../../services/queue-store.js';
import type { MailAddress, ReversePath } from '../../values/address.js';
import { createActiveMessages } from './active-messages.js';
import type { DeliveryJob } from './delivery-job.js';
import { giveBack, giveBackJob, giveBackSuspended, setAside } from './give-back.js';
import type { DispatcherParts, Hands } from './hands.js';
import { outboxMessages } from './outbox-messages.js';
import { createReplyRules } from './reply-rules.js';
import { resolveAddress } from './resolve-address.js';
import { beginJobs } from './run-job.js';
import { createSettler } from './settler.js';
import { createSiteNames } from './site-names.js';
import { createSiteRules } from './site-rules.js';
import { createSiteTable } from './site-table.js';
import { createSuspensions, isUnder, type Suspensions } from './suspensions.js';
import { takeRecipients } from './take-recipients.js';
import { createTimeline, type Timeline } from './timeline.js';
import type { WorkHint } from './work-hint.js';

/** See the file's comment. */
export interface Dispatcher {
  /** Takes leased recipients of a message. Never throws; whatever happens to them is settled. */
  take(message: QueuedMessage, recipients: readonly QueuedRecipient[]): void;
  /** Leased recipients that can't be tried: held with the reason. */
  setAside(recipients: readonly QueuedRecipient[], reason: string): void;
  /** Leased recipients that can't be tried before a moment. */
  giveBack(recipients: readonly QueuedRecipient[], dueAtMs: number): void;
  /** A message that is in use. */
  message(id: string): QueuedMessage | undefined;
  /** Begins what may begin now. */
  begin(): void;
  /** Whether so many recipients more fit into memory. */
  hasRoom(recipients: number): boolean;
  /** What the store may give now. */
  room(): Required<Pick<LeaseRequest, 'limit' | 'perSiteMax' | 'exceptSites'>>;
  /** When the first site that waits for a moment may begin. */
  nextOpenAtMs(nowMs: number): number | undefined;
  readonly suspensions: Suspensions;
  /** See `resolveAddress`. */
  resolve(address: MailAddress, reversePath: ReversePath): Promise<AddressResolution>;
  readonly timeline: Timeline;
  /** Suspends durably, and gives back what waits in memory for it. Rejects when it could not be kept. */
  suspend(suspension: Suspension): Promise<void>;
  /** Tells subscribers of the outbox; see the scheduler. */
  announce(events: () => readonly OutboxEvent[]): Promise<void> | undefined;
  drain(deadlineMs: number): Promise<void>;
}

/** A dispatcher. `changed` is told when there may be new work in the store, or room for it. */
export function createDispatcher(
  parts: DispatcherParts,
  of: { changed(hint: WorkHint): void; isRunning(): boolean },
): Dispatcher {
  const stopping = new AbortController();
  const busy = new Set<Promise<void>>();
  const hands = createHands(parts, of, stopping.signal, busy);
  const { sites, settler, messages } = hands;
  const inMemory = (): number => hands.passing + sites.recipients;
  return {
    take(message, recipients) {
      hands.timeline.begin(
        message,
        recipients.some(({ attempts }) => attempts <= 1),
      );
      messages.hold(message, recipients.length);
      hands.passing += recipients.length;
      lineUp(hands, message, recipients);
    },
    setAside: (recipients, reason) => setAside(hands, recipients, reason),
    giveBack: (recipients, dueAtMs) => giveBack(hands, recipients, { dueAtMs }),
    message: (id) => messages.find(id),
    begin: () => beginJobs(hands),
    hasRoom: (recipients) => !settler.isFailing && inMemory() + recipients <= parts.options.leasedMax,
    room() {
      const limit = Math.max(1, parts.options.leasedMax - inMemory());
      const perSiteMax = Math.min(parts.options.leasedPerSiteMax, Math.max(1, limit >> 1));
      return { limit, perSiteMax, exceptSites: sites.closed() };
    },
    nextOpenAtMs: (nowMs) => sites.nextOpenAtMs(nowMs),
    suspensions: hands.suspensions,
    timeline: hands.timeline,
    suspend: (suspension) => hands.suspensions.add(suspension),
    resolve: (address, reversePath) => resolveAddress(hands, address, reversePath),
    announce: (events) => announce(hands, events),
    async drain(deadlineMs) {
      for (const job of sites.takeAll()) {
        giveBackJob(hands, job);
        sites.forget(job);
      }
      const timer = parts.clock.after(deadlineMs, () => stopping.abort());
      while (busy.size > 0 && !stopping.signal.aborted) await anyOf(busy, stopping.signal);
      timer.cancel();
      stopping.abort();
      settler.stop();
      // What is left now ends at once: tries are aborted, and commits are not tried again.
      while (busy.size > 0) await Promise.all(busy);
    },
  };
}

function lineUp(hands: Hands, message: QueuedMessage, recipients: readonly QueuedRecipient[]): void {
  try {
    const taken = takeRecipients(hands, message, recipients);
    if (isThenable(taken)) hands.track(taken.then(() => beginJobs(hands)));
    else beginJobs(hands);
  } catch (error) {
    hands.failed('dispatch', error);
  }
}

function createHands(
  parts: DispatcherParts,
  of: { changed(hint: WorkHint): void; isRunning(): boolean },
  stopping: AbortSignal,
  busy: Set<Promise<void>>,
): Hands {
  const { policy, options, clock, random } = parts;
  const deliveries = new Set<() => void>();
  stopping.addEventListener('abort', () => {
    for (const giveUp of [...deliveries]) giveUp();
  });
  const failed = (what: string, error: unknown): undefined => {
    parts.log.error('queue policy failed', { what, error });
    return undefined;
  };
  const ruleOf = createSiteRules(options.sites);
  const replyRules = createReplyRules(options.replies);
  const suspensions = createSuspensions(
    parts.store,
    () => clock.now(),
    (suspension) => giveBackConcerned(hands, suspension),
  );
  const hands: Hands = {
    parts,
    messages: createActiveMessages(),
    sites: createSiteTable(options, () => parts.store.sharers?.() ?? 1),
    siteNames: createSiteNames(policy, options, failed),
    settler: createSettler({
      ...parts,
      added: () => of.changed({ isMore: true }),
      outbox: (events) =>
        outboxMessages(events, parts.outbox?.subscriptions ?? [], {
          nowMs: clock.now(),
          lifetimeMs: options.lifetimeMs,
          newId: () => random.id(),
        }),
    }),
    judge: {
      policy,
      options,
      hasOutbox: () => (parts.outbox?.subscriptions.length ?? 0) > 0,
      nowMs: () => clock.now(),
      random: () => random.number(),
      retryDelaysMs: (site) => ruleOf(site)?.retryDelaysMs,
      replyRule: (outcome, site) => replyRules.find(outcome, site),
      failed,
    },
    suspensions,
    replyRules,
    timeline: createTimeline(() => clock.now(), parts.history),
    stopping,
    deliveries,
    passing: 0,
    isRunning: of.isRunning,
    changed: of.changed,
    track(work) {
      // Only a bug gets here with an error; the leases then end by themselves.
      const safe: Promise<void> = work.then(
        () => void busy.delete(safe),
        (error: unknown) => {
          failed('dispatch', error);
          busy.delete(safe);
        },
      );
      busy.add(safe);
    },
    failed,
  };
  return hands;
}

/** Events that nobody wants cost no commit. */
function announce(hands: Hands, events: () => readonly OutboxEvent[]): Promise<void> | undefined {
  const subscriptions = hands.parts.outbox?.subscriptions ?? [];
  if (subscriptions.length === 0) return undefined;
  const outbox = events().filter((event) => subscriptions.some(({ wants }) => wants(event)));
  if (outbox.length === 0) return undefined;
  const settled = hands.settler.settle({ settlements: [], additions: [], outbox }).then(() => undefined);
  hands.track(settled);
  return settled;
}

/** Gives back what waits in memory and is suspended now. */
function giveBackConcerned(hands: Hands, suspension: Suspension): void {
  const isConcerned = (job: DeliveryJob): boolean =>
    job.recipients.some((one) => isUnder(suspension, job.message, one, job.site));
  for (const job of hands.sites.takeWhere(isConcerned)) {
    hands.messages.letGo(job.message.id, job.recipients.length);
    const split = (is: boolean) =>
      job.recipients.filter((one) => isUnder(suspension, job.message, one, job.site) === is);
    giveBackSuspended(hands, split(true), suspension, job.site);
    if (split(false).length > 0) giveBack(hands, split(false), { site: job.site });
    hands.sites.forget(job);
  }
}

function anyOf(work: ReadonlySet<Promise<void>>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      signal.removeEventListener('abort', end);
      resolve();
    };
    signal.addEventListener('abort', end, { once: true });
    void Promise.race(work).then(end, end);
  });
}
