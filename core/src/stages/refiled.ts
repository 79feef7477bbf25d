/** Tells `refiled` when a user moves or copies messages from one mailbox to another, whatever protocol it is done with. */
import type { CompiledHooks } from '../hooks/compile.js';
import { delegateStore } from '../mailbox/delegate-store.js';
import type { Logger } from '../services/logger.js';
import type { Copied, MailboxStore } from '../services/mailbox-store.js';

/** What telling needs. */
export interface RefiledOptions {
  /** Compiled after the store is provided. */
  readonly hooks: () => CompiledHooks | undefined;
  readonly log: Logger;
}

/** The store; its moves and copies tell the hook once they are durable. With nobody tapping it they cost a comparison more. */
export function refilingStore(store: MailboxStore, options: RefiledOptions): MailboxStore {
  const isPlain = Object.getPrototypeOf(store) === Object.prototype;
  const whole = isPlain ? store : delegateStore(() => store);
  const after = (copied: Copied, from: string, to: string, isCopy: boolean): Copied => {
    if (options.hooks()?.refiled != null && copied.pairs.length > 0 && from !== to)
      void tell(store, options, copied, from, to, isCopy);
    return copied;
  };
  return {
    ...whole,
    copy: async (from, uids, to) => after(await store.copy(from, uids, to), from, to, true),
    move: async (from, uids, to) => after(await store.move(from, uids, to), from, to, false),
  };
}

/** Observers hear of it after the client has its answer; a failure to find out what was moved is logged. */
async function tell(
  store: MailboxStore,
  { hooks, log }: RefiledOptions,
  { pairs }: Copied,
  fromId: string,
  toId: string,
  isCopy: boolean,
): Promise<void> {
  try {
    const [from, to] = await Promise.all([store.mailbox(fromId), store.mailbox(toId)]);
    if (from === undefined || to === undefined) return;
    const uids = new Set(pairs.map(([, target]) => target));
    const entries = await store.entries(toId, { first: Math.min(...uids), last: Math.max(...uids) });
    const messageIds = entries.filter(({ uid }) => uids.has(uid)).map(({ messageId }) => messageId);
    await hooks()?.refiled?.({ accountId: to.accountId, from, to, messageIds, isCopy });
  } catch (error) {
    log.error('a move between mailboxes could not be told', { error });
  }
}
