/** A binary heap of things that are due at a moment, the earliest on top. */

/** What can be in a heap. */
export interface Due {
  readonly dueAtMs: number;
}

/** Adds an entry. */
export function push<T extends Due>(heap: T[], entry: T): void {
  let at = heap.push(entry) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent] as T;
    if (above.dueAtMs <= entry.dueAtMs) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = entry;
}

/** Removes the top. */
export function pop<T extends Due>(heap: T[]): T | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return top;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    const right = heap[child + 1];
    if (right !== undefined && right.dueAtMs < (heap[child] as T).dueAtMs) child++;
    const below = heap[child] as T;
    if (last.dueAtMs <= below.dueAtMs) break;
    heap[at] = below;
    at = child;
  }
  heap[at] = last;
  return top;
}
