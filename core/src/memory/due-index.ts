/** Recipients that wait or are ready, by site and the moment they are due. */
import type { QueuedRecipient } from '../services/queue-store.js';

/** See the file's comment. */
export interface DueIndex {
  add(recipient: QueuedRecipient): void;
  /** Calls `take` for those that are due, oldest first over all sites; a site ends when `take` says so. */
  due(
    nowMs: number,
    exceptSites: ReadonlySet<string> | undefined,
    take: (entry: DueEntry) => DueAnswer,
  ): void;
  /** The first moment at which one is due. */
  next(exceptSites: ReadonlySet<string> | undefined): number | undefined;
}

/** What the index knows of a recipient. */
export interface DueEntry {
  readonly recipient: QueuedRecipient;
  readonly order: number;
}

/** `taken` removes it; `siteFull` leaves it and all others of its site; `full` leaves everything. */
export type DueAnswer = 'taken' | 'siteFull' | 'full';

/** An empty index. `isCurrent` tells whether an entry is still what the store holds; others are dropped when met. */
export function createDueIndex(isCurrent: (recipient: QueuedRecipient) => boolean): DueIndex {
  const heaps = new Map<string, DueEntry[]>();
  let order = 0;

  function head(site: string, heap: DueEntry[]): DueEntry | undefined {
    for (let first = heap[0]; first !== undefined; first = heap[0]) {
      if (isCurrent(first.recipient)) return first;
      pop(heap);
    }
    heaps.delete(site);
    return undefined;
  }

  return {
    add(recipient) {
      const heap = heaps.get(recipient.site) ?? [];
      heaps.set(recipient.site, heap);
      push(heap, { recipient, order: order++ });
    },
    due(nowMs, exceptSites, take) {
      const heads: DueEntry[] = [];
      for (const [site, heap] of heaps) {
        if (exceptSites?.has(site) === true) continue;
        const first = head(site, heap);
        if (first !== undefined && first.recipient.dueAtMs <= nowMs) push(heads, first);
      }
      for (let oldest = heads[0]; oldest !== undefined; oldest = heads[0]) {
        const answer = take(oldest);
        if (answer === 'full') return;
        pop(heads);
        if (answer === 'siteFull') continue;
        const site = oldest.recipient.site;
        const heap = heaps.get(site) as DueEntry[];
        pop(heap);
        const next = head(site, heap);
        if (next !== undefined && next.recipient.dueAtMs <= nowMs) push(heads, next);
      }
    },
    next(exceptSites) {
      let nextMs: number | undefined;
      for (const [site, heap] of heaps) {
        if (exceptSites?.has(site) === true) continue;
        const first = head(site, heap);
        if (first === undefined) continue;
        nextMs = Math.min(nextMs ?? first.recipient.dueAtMs, first.recipient.dueAtMs);
      }
      return nextMs;
    },
  };
}

function isBefore(a: DueEntry, b: DueEntry): boolean {
  if (a.recipient.dueAtMs !== b.recipient.dueAtMs) return a.recipient.dueAtMs < b.recipient.dueAtMs;
  return a.order < b.order;
}

function push(heap: DueEntry[], entry: DueEntry): void {
  let at = heap.push(entry) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent] as DueEntry;
    if (!isBefore(entry, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = entry;
}

function pop(heap: DueEntry[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    const right = heap[child + 1];
    if (right !== undefined && isBefore(right, heap[child] as DueEntry)) child++;
    const below = heap[child] as DueEntry;
    if (!isBefore(below, last)) break;
    heap[at] = below;
    at = child;
  }
  heap[at] = last;
}
