/** Things that outlive a reload: opened by the first generation that asks, closed when the last has let go. */

/** The keeper of one server. */
export interface Keeper {
  /** What stands under `key`, opened when it is not there; `holder` must let go of it later. */
  keep<T>(holder: object, key: string, open: () => Promise<T>, close: (kept: T) => Promise<void>): Promise<T>;
  /** Lets go of everything a holder keeps; closes what nobody else holds, last opened first. */
  letGo(holder: object): Promise<void>;
}

interface Kept {
  readonly value: Promise<unknown>;
  readonly close: (kept: never) => Promise<void>;
  readonly holders: Set<object>;
}

/** A keeper that keeps nothing yet. */
export function createKeeper(): Keeper {
  const all = new Map<string, Kept>();
  return {
    async keep<T>(holder: object, key: string, open: () => Promise<T>, close: (kept: T) => Promise<void>) {
      let kept = all.get(key);
      if (kept === undefined) {
        kept = { value: open(), close, holders: new Set() };
        all.set(key, kept);
      }
      kept.holders.add(holder);
      try {
        return (await kept.value) as T;
      } catch (error) {
        if (all.get(key) === kept) all.delete(key);
        throw error;
      }
    },
    async letGo(holder) {
      for (const [key, kept] of [...all].reverse()) {
        if (!kept.holders.delete(holder) || kept.holders.size > 0) continue;
        all.delete(key);
        await kept.close((await kept.value) as never);
      }
    },
  };
}
