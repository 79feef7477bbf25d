/**
 * Several queues as one: new messages go into the first, the others are worked until they are empty. A settlement goes to
 * the store that leased; what it puts in goes into the first, before anything else of it is written.
 */
import {
  ignoredAdditions,
  isSettledBy,
  type NewQueuedMessage,
  type QueueCounts,
  type QueuedRecipient,
  type QueueStore,
  type Settlement,
} from '@postroad/core';

/** Most additions that are remembered as written although the whole of their settlement was not. */
const writtenMax = 10_000;

/** One store over at least one; closes them all. */
export function joinStores(stores: readonly QueueStore[]): QueueStore {
  const first = stores[0] as QueueStore;
  if (stores.length === 1) return first;
  const written = new Set<string>();
  const inTurn = async <T>(ask: (store: QueueStore) => Promise<T>): Promise<T[]> => {
    const answers: T[] = [];
    for (const store of stores) answers.push(await ask(store));
    return answers;
  };

  /** Additions are written once, however often the settlement is asked for again. */
  async function putAdditions(additions: readonly NewQueuedMessage[]): Promise<void> {
    for (const addition of additions) {
      if (written.has(addition.id)) continue;
      await first.put(addition);
      written.add(addition.id);
      for (const oldest of written) if (written.size > writtenMax) written.delete(oldest);
    }
  }

  return {
    async start(owner, nowMs) {
      const found = await inTurn((store) => store.start(owner, nowMs));
      return {
        recovered: found.reduce((sum, one) => sum + one.recovered, 0),
        quarantined: found.flatMap((one) => one.quarantined),
      };
    },
    put: (message, lease) => first.put(message, lease),
    async lease(request) {
      const leased: QueuedRecipient[] = [];
      for (const store of stores) {
        if (leased.length >= request.limit) break;
        leased.push(...(await store.lease({ ...request, limit: request.limit - leased.length })));
      }
      return leased;
    },
    async settle(owner, settlements: readonly Settlement[], additions = []) {
      await putAdditions(await withoutIgnored(stores, owner, settlements, additions));
      // Who does not hold a recipient ignores its settlement; ids are never the same in two stores.
      await inTurn((store) => store.settle(owner, settlements));
      for (const { id } of additions) written.delete(id);
    },
    async nextDueAtMs(exceptSites) {
      const all = await inTurn((store) => store.nextDueAtMs(exceptSites));
      const known = all.filter((one) => one !== undefined);
      return known.length === 0 ? undefined : Math.min(...known);
    },
    async message(id) {
      for (const store of stores) {
        const message = await store.message(id);
        if (message !== undefined) return message;
      }
      return undefined;
    },
    range: (filter, options) => rangeOf(stores, filter, options),
    change: async (filter, change) =>
      (await inTurn((store) => store.change(filter, change))).reduce((sum, one) => sum + one, 0),
    count: async (filter) => (await inTurn((store) => store.count(filter))).reduce(addCounts),
    remember: (name, fact) => first.remember(name, fact),
    recall: (name) => first.recall(name),
    async close() {
      await inTurn((store) => store.close());
    },
  };
}

/** Asks before anything is written, because what is put in is written before what it tells of. */
async function withoutIgnored(
  stores: readonly QueueStore[],
  owner: string,
  settlements: readonly Settlement[],
  additions: readonly NewQueuedMessage[],
): Promise<readonly NewQueuedMessage[]> {
  const held = new Set<Settlement>();
  for (const one of settlements) {
    if (one.tells === undefined) continue;
    const leased = { messageId: one.messageId, state: 'leased' } as const;
    for (const store of stores) {
      // In order of index, so it is among so many, if it is there.
      const { recipients } = await store.range(leased, { limit: one.index + 1 });
      const recipient = recipients.find(({ index }) => index === one.index);
      if (isSettledBy(recipient, owner, one)) held.add(one);
    }
  }
  const ignored = ignoredAdditions(settlements, (one) => held.has(one));
  return additions.filter((one) => !ignored.has(one.id));
}

/** Pages of one store after another; a cursor begins with the store's number. */
async function rangeOf(
  stores: readonly QueueStore[],
  filter: Parameters<QueueStore['range']>[0],
  { after, limit }: Parameters<QueueStore['range']>[1],
): ReturnType<QueueStore['range']> {
  const split = after?.indexOf(':') ?? -1;
  let at = after === undefined ? 0 : Number(after.slice(0, split));
  let from = after?.slice(split + 1);
  const recipients: QueuedRecipient[] = [];
  for (; at < stores.length; at++) {
    const options = { limit: limit - recipients.length, ...(from ? { after: from } : {}) };
    const page = await (stores[at] as QueueStore).range(filter, options);
    recipients.push(...page.recipients);
    if (page.next !== undefined) return { recipients, next: `${at}:${page.next}` };
    from = undefined;
    if (recipients.length >= limit && at + 1 < stores.length) return { recipients, next: `${at + 1}:` };
  }
  return { recipients };
}

function addCounts(a: QueueCounts, b: QueueCounts): QueueCounts {
  const { ready, waiting, leased, held } = b.byState;
  return {
    messages: a.messages + b.messages,
    recipients: a.recipients + b.recipients,
    byState: {
      ready: a.byState.ready + ready,
      waiting: a.byState.waiting + waiting,
      leased: a.byState.leased + leased,
      held: a.byState.held + held,
    },
  };
}
