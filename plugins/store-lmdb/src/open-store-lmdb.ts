/** Opening the store by hand. */
import { resolve } from 'node:path';
import type { MailboxStore } from '@postroad/core';
import { type StoreLmdbInput, storeLmdbConfig } from './config.js';
import { type OpenStore, openMailboxStore } from './mailbox-store-lmdb.js';

/** What a store opened by hand takes from its program. */
export interface StoreLmdbEnvironment {
  /** The time in milliseconds since 1970. */
  readonly nowMs: () => number;
  /** Gets what went wrong where nobody waits for an answer; nothing happens to it by default. */
  readonly onError?: (what: string, error: unknown) => void;
}

/**
 * Opens the store in a directory, for programs without an MTA; the caller closes it. A server may have the same
 * directory open: both see each other's changes, but notices stay within a process. Throws `E_MAILBOX_STORE`.
 */
export function createStoreLmdb(config: StoreLmdbInput, environment: StoreLmdbEnvironment): MailboxStore {
  return openStoreLmdb(config, environment).store;
}

/** The same with what lies below it, for commands. */
export function openStoreLmdb(config: StoreLmdbInput, environment: StoreLmdbEnvironment): OpenStore {
  const checked = storeLmdbConfig.parse(config);
  return openMailboxStore({
    ...checked,
    directory: resolve(checked.directory),
    nowMs: environment.nowMs,
    startedAtMs: Math.floor(performance.timeOrigin),
    onError: environment.onError ?? (() => undefined),
  });
}
