/** The network of the simulation: what the servers of other domains do. */
import type { Clock } from '../../services/clock.js';
import type { NewQueuedMessage } from '../../services/queue-store.js';
import type { Random } from '../../services/random.js';
import { tenantOf } from '../../stages/queue/matches-filter.js';
import type { DeliveryRequest } from '../../stages/queue/scheduler-policy.js';
import { reply } from '../../values/reply.js';
import type { DeliveryReport, RecipientOutcome } from '../../values/report.js';
import { BrokenPromise, type Ledger } from './ledger.js';

/** How a peer behaves. */
export const peerKinds = [
  'good',
  'slow',
  'refusing',
  'greylisting',
  'dead',
  'rising',
  'flaky',
  'lying',
  'throwing',
  'silent',
  'hanging',
  'busy',
  'wavering',
] as const;

/** One of them. */
export type PeerKind = (typeof peerKinds)[number];

/** The peers. */
export interface Peers {
  deliver(request: DeliveryRequest, signal: AbortSignal, isAlive: () => boolean): Promise<DeliveryReport>;
  /** Every connection is cut: the process at our end is gone. */
  cut(): void;
  /** How many recipients of each tenant a site was given while others waited for it too, by site. */
  readonly shares: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Longest time between a message's arrival and its first try, for peers that are good. */
  readonly longestWaitMs: number;
}

/** What peers are made of. */
export interface PeersOptions {
  readonly kinds: ReadonlyMap<string, PeerKind>;
  readonly clock: Clock;
  readonly random: Random;
  readonly ledger: Pick<Ledger, 'taken' | 'lied' | 'counts'>;
  readonly startMs: number;
  readonly limits: {
    readonly deliveriesMax: number;
    readonly deliveriesPerSiteMax: number;
    /** Messages of a tenant in a minute. */
    readonly ratePerMinute?: number;
    /** How long a try may take at least before it is given up, and then while its lease holds; nobody looks without. */
    readonly tryMsMin?: number;
  };
  /** What the client was promised that this message has; the request's own by default. */
  promised?(messageId: string): NewQueuedMessage | undefined;
}

/** A try that began before the deadline may take as long as a lease. */
const deadlineSlackMs = 1_000;

const ok = reply(250, '0.0', 'taken');
const refused = reply(550, '1.1', 'no such user');
const greylisted = reply(451, '7.1', 'come back later');
const unreachable = reply(451, '4.1', 'connection refused');
const busy = reply(421, '4.5', 'too busy');

/** A network. */
export function createPeers(options: PeersOptions): Peers {
  const { clock, random, ledger } = options;
  const active = new Map<string, number>();
  const seen = new Map<string, number>();
  const rated = new Map<string, number[]>();
  const shares = new Map<string, Map<string, number>>();
  let total = 0;
  let epoch = 0;
  let longestWaitMs = 0;

  function enter(request: DeliveryRequest): void {
    const ofSite = (active.get(request.site) ?? 0) + 1;
    active.set(request.site, ofSite);
    total++;
    if (total > options.limits.deliveriesMax) throw new BrokenPromise(`${total} deliveries at once`);
    if (ofSite > options.limits.deliveriesPerSiteMax) {
      throw new BrokenPromise(`${ofSite} deliveries at once to ${request.site}`);
    }
  }

  /** No window of time may hold more than the rate and its burst allow, whatever crashes meanwhile. */
  function checkRate(request: DeliveryRequest): void {
    const { ratePerMinute } = options.limits;
    if (ratePerMinute === undefined) return;
    const tenant = tenantOf(request.message);
    const times = rated.get(tenant) ?? [];
    rated.set(tenant, times);
    const nowMs = clock.now();
    times.push(nowMs);
    // A restart forgets what was sent before it: each one may give a burst more.
    const allowed = ratePerMinute * (2 + ledger.counts.crashes);
    const inMinute = times.filter((atMs) => atMs > nowMs - 60_000).length;
    if (inMinute > allowed) throw new BrokenPromise(`${inMinute} deliveries of ${tenant} within a minute`);
  }

  /** A deadline that the sender set (RFC 2852) is one: nothing is tried after it. */
  function checkDeadline(request: DeliveryRequest): void {
    const message = options.promised?.(request.message.id) ?? request.message;
    const { deliverBy } = message.parameters;
    if (deliverBy?.mode === 'return' && clock.now() > deliverBy.atMs + deadlineSlackMs)
      throw new BrokenPromise(
        `${message.id} was tried ${clock.now() - deliverBy.atMs} ms after its deadline`,
      );
    const { holdUntilMs } = message.parameters;
    if (holdUntilMs !== undefined && clock.now() < holdUntilMs)
      throw new BrokenPromise(`${message.id} was tried before its release`);
  }

  /** Others may try when the lease is over; and who gives up soon may have left behind what the peer has taken. */
  function checkLease({ message, recipients }: DeliveryRequest, takenMs: number, isGivenUp: boolean): void {
    const { tryMsMin } = options.limits;
    if (tryMsMin === undefined) return;
    const endsMs = Math.min(...recipients.map((one) => one.dueAtMs));
    if (clock.now() >= endsMs)
      throw new BrokenPromise(`a try of ${message.id} went on ${clock.now() - endsMs} ms after its lease`);
    if (isGivenUp && takenMs < tryMsMin)
      throw new BrokenPromise(`a try of ${message.id} was given up after ${takenMs} ms`);
  }

  function noteShare(request: DeliveryRequest): void {
    const ofSite = shares.get(request.site) ?? new Map<string, number>();
    shares.set(request.site, ofSite);
    const tenant = tenantOf(request.message);
    ofSite.set(tenant, (ofSite.get(tenant) ?? 0) + 1);
  }

  function leave(request: DeliveryRequest): void {
    total--;
    active.set(request.site, (active.get(request.site) ?? 1) - 1);
  }

  function kindOf(request: DeliveryRequest): PeerKind {
    const kind = options.kinds.get(request.site.slice('mx:'.length)) ?? 'good';
    if (kind === 'rising') return clock.now() > options.startMs + 1_200_000 ? 'good' : 'dead';
    if (kind !== 'flaky') return kind;
    const choices: readonly PeerKind[] = ['good', 'dead', 'greylisting', 'lying', 'silent', 'busy', 'slow'];
    return choices[Math.floor(random.number() * choices.length)] ?? 'good';
  }

  function latencyMs(kind: PeerKind): number {
    return kind === 'slow' || kind === 'wavering'
      ? 1000 * Math.floor(random.number() * 400)
      : Math.floor(random.number() * 900);
  }

  function answer(request: DeliveryRequest, kind: PeerKind): DeliveryReport {
    const say = (
      one: (recipient: DeliveryRequest['recipients'][number]) => Omit<RecipientOutcome, 'index'>,
    ) => {
      return request.recipients.map((recipient) => ({ index: recipient.index, ...one(recipient) }));
    };
    const deferred = (said: typeof ok) => say(() => ({ status: 'deferred', reply: said }));
    switch (kind) {
      case 'refusing':
        return { outcomes: say(() => ({ status: 'failed', reply: refused })) };
      case 'greylisting':
        return { outcomes: say((one) => greylist(request, one.index)) };
      case 'dead':
        return { outcomes: deferred(unreachable) };
      case 'busy':
        return { outcomes: deferred(busy), siteRetryAtMs: clock.now() + 300_000 };
      case 'silent':
        return { outcomes: [] };
      case 'wavering':
        return waver(request);
      case 'throwing':
        throw new Error('the deliverer has a bug');
      case 'lying':
        take(request);
        for (const one of request.recipients) ledger.lied(one);
        return { outcomes: deferred(reply(451, '3.0', 'reset after the final dot')) };
      default:
        take(request);
        return { outcomes: say(() => ({ status: 'delivered', reply: ok })) };
    }
  }

  /** Takes its time, and says one thing now and another the next time. */
  function waver(request: DeliveryRequest): DeliveryReport {
    const kind = (['good', 'greylisting', 'refusing', 'dead'] as const)[Math.floor(random.number() * 4)];
    return answer(request, kind ?? 'good');
  }

  function greylist(request: DeliveryRequest, index: number): Omit<RecipientOutcome, 'index'> {
    const key = `${request.message.id}/${index}`;
    const firstAtMs = seen.get(key) ?? clock.now();
    seen.set(key, firstAtMs);
    if (clock.now() - firstAtMs < 240_000) return { status: 'deferred', reply: greylisted };
    const recipient = request.recipients.find((one) => one.index === index);
    if (recipient !== undefined) ledger.taken(request.message, recipient);
    return { status: 'delivered', reply: ok };
  }

  function take(request: DeliveryRequest): void {
    for (const one of request.recipients) ledger.taken(request.message, one);
  }

  return {
    async deliver(request, signal, isAlive) {
      const mine = epoch;
      const beganMs = clock.now();
      enter(request);
      try {
        checkRate(request);
        checkDeadline(request);
        noteShare(request);
        const kind = kindOf(request);
        noteWait(request);
        if (kind === 'hanging') await untilAborted(signal);
        else await clock.sleep(latencyMs(kind), signal).catch(() => undefined);
        if (!isAlive() || mine !== epoch) return await new Promise(() => {});
        checkLease(request, clock.now() - beganMs, signal.aborted);
        if (signal.aborted) return { outcomes: [] };
        return answer(request, kind);
      } finally {
        if (mine === epoch) leave(request);
      }
    },
    cut() {
      epoch++;
      active.clear();
      total = 0;
    },
    shares,
    get longestWaitMs() {
      return longestWaitMs;
    },
  };

  function noteWait(request: DeliveryRequest): void {
    if (options.kinds.get(request.site.slice('mx:'.length)) !== 'good') return;
    // Those whose hold was asked for, and those that were deferred before, have waited for other reasons.
    if (request.recipients.some((one) => one.attempts > 1 || one.address.localPart.startsWith('later')))
      return;
    longestWaitMs = Math.max(longestWaitMs, clock.now() - request.message.receivedAtMs);
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
