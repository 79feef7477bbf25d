/**
 * Tells the ledger which settlements the storage has kept. One that was on its way when the process died, or that was refused
 * by a disk which may have kept it, is looked at when the next process has recovered: it must be there whole or not at all.
 */
import type { NewQueuedMessage, QueueStore, Settlement } from '../../services/queue-store.js';
import { BrokenPromise, type Ledger } from './ledger.js';

/** See the file's comment. */
export interface Witness {
  /** The store, watched. */
  watch(store: QueueStore): QueueStore;
  /** What was on its way at the death is there or not; `store` has recovered and nobody works it yet. */
  recovered(store: QueueStore): Promise<void>;
}

interface Asked {
  /** It was refused as a whole, and asked again in parts. */
  isRefused: boolean;
  readonly settlements: readonly Settlement[];
  readonly additions: readonly NewQueuedMessage[];
}

/** A witness. */
export function createWitness(ledger: Ledger): Witness {
  const inDoubt = new Set<Asked>();
  return {
    watch: (store) => ({
      ...store,
      async settle(owner, settlements, additions = []) {
        const asked = { settlements, additions, isRefused: false };
        inDoubt.add(asked);
        try {
          await store.settle(owner, settlements, additions);
        } catch (error) {
          asked.isRefused = true;
          throw error;
        }
        inDoubt.delete(asked);
        ledger.committed(settlements, additions);
      },
    }),
    async recovered(store) {
      // What is asked again in parts is known by its parts first.
      const partsFirst = [...inDoubt].sort((a, b) => Number(a.isRefused) - Number(b.isRefused));
      for (const asked of partsFirst) {
        if (ledger.isWritten(asked.settlements, asked.additions)) continue;
        if (await isThere(store, asked)) ledger.committed(asked.settlements, asked.additions);
      }
      inDoubt.clear();
    },
  };
}

/** Whether the settlement was kept. */
async function isThere(store: QueueStore, { settlements, additions, isRefused }: Asked): Promise<boolean> {
  const signs = new Set<boolean>();
  for (const { id } of additions) signs.add((await store.message(id)) !== undefined);
  for (const { messageId, index, to } of settlements) {
    if (to !== 'done') continue;
    const { recipients } = await store.range({ messageId }, { limit: 1000 });
    signs.add(!recipients.some((one) => one.index === index));
  }
  if (signs.size > 1 && !isRefused) throw new BrokenPromise('a settlement was kept in part');
  return signs.size === 1 && signs.has(true);
}
