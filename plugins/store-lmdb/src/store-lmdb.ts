/** The plugin `store-lmdb`. */
import { resolve } from 'node:path';
import {
  Changes,
  Clock,
  definePlugin,
  delegateStore,
  MailboxStore,
  MailError,
  messageOf,
  type SpecialUse,
  type Timer,
} from '@postroad/core';
import { mailboxCommands } from './commands.js';
import { type StoreLmdbConfig, storeLmdbConfig } from './config.js';
import { expireMessages, type Lifetimes } from './expire-messages.js';
import { namesOf } from './mailbox-changes.js';
import type { OpenStore } from './mailbox-store-lmdb.js';
import { openStoreLmdb } from './open-store-lmdb.js';
import { accountKey, formatId } from './records.js';
import { indexTexts, textIndexState } from './text-index.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** How long a new message may wait for its place in the index of texts. */
const indexEveryMs = 2_000;
/** An index that is so many messages behind is worth a line in the log, and again after as many more. */
const tellEvery = 10_000;

/**
 * Provides `MailboxStore` on LMDB: nothing to install, one directory. The environment is opened at the start and
 * shared with the next generation of a reload.
 */
export const storeLmdb = definePlugin({
  name: 'store-lmdb',
  description: 'Mailboxes in LMDB, large message bodies in files beside it.',
  config: storeLmdbConfig,
  needs: { clock: Clock, changes: Changes },
  provides: [MailboxStore],
  commands: mailboxCommands,
  setup({ config, services, log, metrics, provide, onStart, defer, keep }) {
    const { clock, changes } = services;
    let opened: OpenStore | undefined;
    const onError = (what: string, error: unknown) => log.error(what, { error: messageOf(error) });
    const store = delegateStore(() => {
      if (opened !== undefined) return opened.store;
      throw new MailError('E_STATE', 'the mailbox store is used before it is started');
    });
    provide(MailboxStore, store);
    const closing = new AbortController();
    let timer: Timer | undefined;
    const lifetimes = lifetimesOf(config);
    const expire = async (open: OpenStore): Promise<void> => {
      try {
        const removed = await expireMessages(open.engine, open.store, lifetimes, closing.signal);
        if (removed > 0) log.info('old messages removed from Trash and Junk', { removed });
      } catch (error) {
        if (!closing.signal.aborted) onError('old messages could not be removed', error);
      }
      if (!closing.signal.aborted) timer = clock.after(hourMs, () => void expire(open));
    };
    let indexing: Timer | undefined;
    const behind = metrics.gauge('store_lmdb_texts_behind', 'Messages that the index of texts does not know');
    let nextTold = 0;
    const tellProgress = ({ engine }: OpenStore): void => {
      const { indexed, all } = textIndexState(engine);
      behind.set(all - indexed);
      const isWorthIt = nextTold === 0 ? all - indexed >= tellEvery : indexed >= nextTold && indexed < all;
      if (isWorthIt) log.info('the index of texts is being built', { indexed, messages: all });
      if (isWorthIt) nextTold = indexed + tellEvery;
      if (nextTold === 0 || indexed < all) return;
      log.info('the index of texts is complete', { messages: all });
      nextTold = 0;
    };
    const indexOn = async (open: OpenStore): Promise<void> => {
      let passed = 0;
      try {
        tellProgress(open);
        passed = await indexTexts(open.engine, closing.signal);
      } catch (error) {
        if (!closing.signal.aborted) onError('the index of texts could not be brought up to date', error);
      }
      const delayMs = passed > 0 ? 0 : indexEveryMs;
      if (!closing.signal.aborted) indexing = clock.after(delayMs, () => void indexOn(open));
    };
    onStart(async () => {
      const open = async () => {
        const store = openStoreLmdb(config, { nowMs: () => clock.now(), onError });
        // Other workers have the same directory open: watchers of one hear what another changes.
        store.engine.notices.share(changes, (accountId) => mailboxIdsOf(store.engine, accountId));
        return store;
      };
      opened = await keep(`store-lmdb ${resolve(config.directory)}`, open, (kept) => kept.store.close());
      const kept = opened;
      if (config.hasTextIndex) indexing = clock.after(0, () => void indexOn(kept));
      if (lifetimes.size > 0) timer = clock.after(0, () => void expire(kept));
    });
    defer(() => {
      closing.abort();
      timer?.cancel();
      indexing?.cancel();
    });
  },
});

function mailboxIdsOf({ tables }: OpenStore['engine'], accountId: string): readonly string[] {
  const account = tables.accounts.get(accountKey(accountId));
  return account === undefined
    ? []
    : namesOf(tables, account.number).map(([, number]) => formatId('F', number));
}

function lifetimesOf(config: StoreLmdbConfig): Lifetimes {
  const days: readonly (readonly [SpecialUse, number | undefined])[] = [
    ['Trash', config.trashDaysMax],
    ['Junk', config.junkDaysMax],
  ];
  return new Map(
    days.flatMap(([use, count]) => (count === undefined ? [] : [[use, count * dayMs] as const])),
  );
}
