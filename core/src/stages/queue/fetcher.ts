/** Asks the store for recipients that are due: when there may be some, and when there is room for them. */

import { isMailError } from '../../errors.js';
import type { Clock, Timer } from '../../services/clock.js';
import type { Logger } from '../../services/logger.js';
import type { Lease, QueuedMessage, QueuedRecipient, QueueStore } from '../../services/queue-store.js';
import type { Dispatcher } from './dispatcher.js';
import type { WorkHint } from './work-hint.js';

/** See the file's comment. */
export interface Fetcher {
  changed(hint: WorkHint): void;
  stop(): void;
}

/** What it works with. */
export interface FetcherParts {
  readonly store: QueueStore;
  readonly clock: Clock;
  readonly log: Logger;
}

// A timer is never set further ahead: a clock that jumps makes mail late by a minute at most, and leases whose owner is
// gone are found.
const wakeMsMax = 60_000;
const failureDelayMs = 1_000;

/** A fetcher; it works while `isRunning` says so. */
export function createFetcher(
  parts: FetcherParts,
  of: { lease(): Lease; readonly dispatcher: Dispatcher; isRunning(): boolean },
): Fetcher {
  const { store, clock, log } = parts;
  let mayHaveMore = false;
  let isFetching = false;
  let nextDueAtMs: number | undefined;
  let timer: { readonly atMs: number; readonly timer: Timer } | undefined;

  function changed(hint: WorkHint): void {
    if (hint.isMore === true) mayHaveMore = true;
    if (hint.dueAtMs !== undefined) nextDueAtMs = Math.min(nextDueAtMs ?? hint.dueAtMs, hint.dueAtMs);
    work();
  }

  function work(): void {
    if (!of.isRunning() || isFetching) return;
    const nowMs = clock.now();
    const openAtMs = of.dispatcher.nextOpenAtMs(nowMs);
    if (nextDueAtMs !== undefined && nextDueAtMs <= nowMs) mayHaveMore = true;
    if (mayHaveMore && of.dispatcher.hasRoom(1)) {
      void fetch();
      return;
    }
    // What waits in memory for a moment must be begun then, also when there is no room for more.
    const dueAtMs = mayHaveMore ? undefined : nextDueAtMs;
    arm(nowMs, Math.min(dueAtMs ?? Infinity, openAtMs ?? Infinity));
  }

  function arm(nowMs: number, atMs: number): void {
    const delayMs = Math.min(Math.max(atMs - nowMs, 0), wakeMsMax);
    // An earlier timer does as well: it looks, and arms again.
    if (timer !== undefined && timer.atMs <= nowMs + delayMs) return;
    timer?.timer.cancel();
    timer = {
      atMs: nowMs + delayMs,
      timer: clock.after(delayMs, () => {
        timer = undefined;
        mayHaveMore = true;
        of.dispatcher.begin();
        work();
      }),
    };
  }

  async function fetch(): Promise<void> {
    isFetching = true;
    try {
      await fetchOnce();
    } catch (error) {
      log.error('queue could not be read', { error });
      mayHaveMore = false;
      nextDueAtMs = clock.now() + failureDelayMs;
    }
    isFetching = false;
    work();
  }

  async function fetchOnce(): Promise<void> {
    const nowMs = clock.now();
    const { limit, perSiteMax, exceptSites } = of.dispatcher.room();
    // Whatever comes while the store is asked sets these again.
    mayHaveMore = false;
    nextDueAtMs = undefined;
    const got = await store.lease({ nowMs, lease: of.lease(), limit, perSiteMax, exceptSites });
    if (got.length > 0) {
      mayHaveMore = true;
      await hand(got);
      return;
    }
    const dueAtMs = await store.nextDueAtMs(of.dispatcher.room().exceptSites);
    if (dueAtMs !== undefined) nextDueAtMs = Math.min(nextDueAtMs ?? dueAtMs, dueAtMs);
  }

  async function hand(recipients: readonly QueuedRecipient[]): Promise<void> {
    const byMessage = new Map<string, QueuedRecipient[]>();
    for (const recipient of recipients) {
      const group = byMessage.get(recipient.messageId);
      if (group === undefined) byMessage.set(recipient.messageId, [recipient]);
      else group.push(recipient);
    }
    // All at once, so that a store over a network may read them together; taken in their order.
    const loaded = await Promise.all(
      [...byMessage].map(async ([id, group]) => {
        const message = of.dispatcher.message(id) ?? (await load(id, group));
        return { message, group };
      }),
    );
    for (const { message, group } of loaded) if (message !== undefined) of.dispatcher.take(message, group);
  }

  async function load(id: string, group: readonly QueuedRecipient[]): Promise<QueuedMessage | undefined> {
    try {
      const message = await store.message(id);
      if (message === undefined) of.dispatcher.setAside(group, 'the message is gone');
      return message;
    } catch (error) {
      log.error('queued message could not be read', { messageId: id, error });
      if (isMailError(error, 'E_QUEUE_RECORD')) of.dispatcher.setAside(group, 'its record could not be read');
      else of.dispatcher.giveBack(group, clock.now() + failureDelayMs);
      return undefined;
    }
  }

  return {
    changed,
    stop() {
      timer?.timer.cancel();
      timer = undefined;
    },
  };
}
