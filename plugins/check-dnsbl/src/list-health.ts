/**
 * Whether lists can be trusted, by their test entries (RFC 5782 section 5). A list whose domain has been given up often
 * ends as one that answers "listed" to everything: it is left out until it is itself again.
 */
import { type Clock, type Logger, type Metrics, messageOf, type Resolver, type Timer } from '@postroad/core';
import { askInTime } from './ask-list.js';
import type { DnsList } from './options.js';
import { testQueries } from './query-name.js';
import { codeReader } from './return-codes.js';

/** How a list was found. `everything`: it lists what may be on no list. `nothing`: it lacks what is on every list. */
export type Health = 'unknown' | 'well' | 'everything' | 'nothing' | 'unreachable';

/** Watches lists. */
export interface HealthWatch {
  /** Whether the list's answers count. */
  isTrusted(list: DnsList): boolean;
  health(list: DnsList): Health;
  /** Looks at every list, now and then from time to time; resolves after the first look. */
  start(): Promise<void>;
  stop(): void;
}

/** What a watch works with. */
export interface HealthParts {
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** A watch over lists; nothing is asked before `start`. */
export function createHealthWatch(
  lists: readonly DnsList[],
  everyMs: number,
  parts: HealthParts,
): HealthWatch {
  const found = new Map<DnsList, Health>();
  const ending = new AbortController();
  let timer: Timer | undefined;

  async function look(list: DnsList): Promise<void> {
    const before = found.get(list) ?? 'unknown';
    const now = await examine(list, parts, ending.signal);
    if (ending.signal.aborted) return;
    found.set(list, now);
    parts.metrics
      .gauge('postroad_dnsbl_list_trusted', 'Whether the list passes its test entries.', { zone: list.zone })
      .set(now === 'everything' ? 0 : 1);
    if (now === before) return;
    const fields = { zone: list.zone, health: now, before };
    if (now === 'everything')
      parts.log.error('a DNS list answers listed to everything and is left out', fields);
    else if (now === 'nothing') parts.log.warn('a DNS list lacks its test entry', fields);
    else if (now === 'unreachable') parts.log.warn('a DNS list can not be asked', fields);
    else if (before !== 'unknown') parts.log.info('a DNS list is well again', fields);
  }

  async function round(): Promise<void> {
    await Promise.all(lists.filter((list) => list.hasTestEntries).map(look));
    if (!ending.signal.aborted) timer = parts.clock.after(everyMs, () => void round());
  }

  return {
    isTrusted: (list) => found.get(list) !== 'everything',
    health: (list) => found.get(list) ?? 'unknown',
    start: round,
    stop() {
      ending.abort();
      timer?.cancel();
    },
  };
}

async function examine(list: DnsList, parts: HealthParts, signal: AbortSignal): Promise<Health> {
  const { listed, unlisted } = testQueries(list.of === 'address' ? 'address' : 'domain', list.zone);
  // Any answer within the codes counts here, whatever the options make of it.
  const read = codeReader({ ...list, codes: undefined });
  try {
    const [yes, no] = await Promise.all([
      askInTime(parts, listed, list.timeoutMs, signal),
      askInTime(parts, unlisted, list.timeoutMs, signal),
    ]);
    if (read(no) !== 'unlisted') return 'everything';
    return read(yes) === 'unlisted' ? 'nothing' : 'well';
  } catch (error) {
    if (!signal.aborted)
      parts.log.debug('a DNS list was not reached', { zone: list.zone, reason: messageOf(error) });
    return 'unreachable';
  }
}
