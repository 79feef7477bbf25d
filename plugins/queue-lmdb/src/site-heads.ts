/**
 * For every site with recipients that are ready or wait, the moment of the first. This is all that is kept in memory of
 * a queue, whatever its depth: a few dozen octets for each destination.
 */

import { pop, push } from './heap.js';

/** See the file's comment. */
export interface SiteHeads {
  /** The site's first recipient is due then; `undefined` when it has none. */
  set(site: string, dueAtMs: number | undefined): void;
  /** A recipient was added: the head is now not later than this. */
  lower(site: string, dueAtMs: number): void;
  get(site: string): number | undefined;
  /** The site that is due first, but for those given. */
  first(exceptSites?: ReadonlySet<string>): { readonly site: string; readonly dueAtMs: number } | undefined;
  /** Sites that are due at the moment, but for those given, those that wait longest first. */
  due(nowMs: number, exceptSites?: ReadonlySet<string>): Iterable<string>;
  clear(): void;
  readonly size: number;
}

interface Head {
  readonly site: string;
  readonly dueAtMs: number;
}

/** Empty heads. */
export function createSiteHeads(): SiteHeads {
  const heads = new Map<string, Head>();
  // A heap; an entry that is not the site's head any more is dropped when it comes to the top.
  let heap: Head[] = [];

  function set(site: string, dueAtMs: number | undefined): void {
    if (dueAtMs === undefined) {
      heads.delete(site);
      return;
    }
    if (heads.get(site)?.dueAtMs === dueAtMs) return;
    const head = { site, dueAtMs };
    heads.set(site, head);
    push(heap, head);
    if (heap.length > 2 * heads.size + 64) rebuild();
  }

  function rebuild(): void {
    heap = [];
    for (const head of heads.values()) push(heap, head);
  }

  /** Takes heads off the heap, oldest first, and puts them back at the end. */
  function* inOrder(): Generator<Head> {
    const taken: Head[] = [];
    try {
      for (let top = heap[0]; top !== undefined; top = heap[0]) {
        pop(heap);
        if (heads.get(top.site) !== top) continue;
        taken.push(top);
        yield top;
      }
    } finally {
      for (const head of taken) if (heads.get(head.site) === head) push(heap, head);
    }
  }

  return {
    set,
    lower(site, dueAtMs) {
      const head = heads.get(site);
      if (head === undefined || dueAtMs < head.dueAtMs) set(site, dueAtMs);
    },
    get: (site) => heads.get(site)?.dueAtMs,
    first(exceptSites) {
      for (const head of inOrder()) if (exceptSites?.has(head.site) !== true) return head;
      return undefined;
    },
    *due(nowMs, exceptSites) {
      for (const head of inOrder()) {
        if (head.dueAtMs > nowMs) return;
        if (exceptSites?.has(head.site) !== true) yield head.site;
      }
    },
    clear() {
      heads.clear();
      heap = [];
    },
    get size() {
      return heads.size;
    },
  };
}
