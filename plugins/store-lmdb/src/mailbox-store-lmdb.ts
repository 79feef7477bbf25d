/** `MailboxStore` on LMDB. What it promises is the contract's; how it is kept is told in `tables.ts`. */
import type { MailboxStore } from '@postroad/core';
import { annotationOperations } from './annotation-operations.js';
import { clearRemoved, pendingRemovals } from './clear-removed.js';
import { Engine, type EngineOptions } from './engine.js';
import { mailboxOperations } from './mailbox-operations.js';
import { messageOperations } from './message-operations.js';
import { readOperations } from './read-operations.js';
import { shareOperations } from './share-operations.js';
import { subscriptionOperations } from './subscription-operations.js';

/** A store with what it does on its own after a start. */
export interface OpenStore {
  readonly store: MailboxStore;
  readonly engine: Engine;
  /** Resolves when what a crash left behind is cleared away; `close` ends it early. */
  readonly recovered: Promise<void>;
}

/** Opens the store in a directory; throws `E_MAILBOX_STORE` when it can't be opened. */
export function openMailboxStore(options: EngineOptions): OpenStore {
  const engine = new Engine(options);
  const closing = new AbortController();
  const recovered = recover(engine, closing.signal).catch((error: unknown) => {
    if (!closing.signal.aborted) options.onError('what a crash left behind could not be removed', error);
  });
  const store: MailboxStore = {
    ...readOperations(engine),
    ...mailboxOperations(engine),
    ...messageOperations(engine),
    ...annotationOperations(engine),
    ...shareOperations(engine),
    ...subscriptionOperations(engine),
    watch: (accountId, listener) => engine.notices.watch(accountId, listener),
    async close() {
      closing.abort();
      await recovered;
      await engine.close();
    },
  };
  return { store, engine, recovered };
}

async function recover(engine: Engine, signal: AbortSignal): Promise<void> {
  for (const number of pendingRemovals(engine)) {
    if (signal.aborted) return;
    await clearRemoved(engine, number);
  }
  await engine.files.sweep((name) => engine.read((tables) => tables.files.doesExist(name)), signal);
}
