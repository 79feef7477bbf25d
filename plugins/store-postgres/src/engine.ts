/** What all operations of the store work with. */
import {
  type Bodies,
  type Changes,
  type Clock,
  isMailError,
  type Logger,
  MailError,
  messageOf,
} from '@postroad/core';
import type { Postgres } from '@postroad/postgres';
import type { Work } from './accounts.js';
import type { SharedNotices } from './notices.js';

/** How to open it. The store closes the database. */
export interface PostgresStoreOptions {
  readonly database: Postgres;
  readonly clock: Clock;
  readonly log: Logger;
  /** What keeps large bodies at the moment; without it they are in the database. */
  readonly bodies?: () => Bodies | undefined;
  /** Unique to this process run. */
  readonly node: string;
  readonly hasTextIndex: boolean;
  /** How other nodes hear of changes; without it by NOTIFY. */
  readonly changes?: Changes;
  /** How many removed UIDs a mailbox remembers at least. */
  readonly vanishedMax: number;
  /** Mailboxes whose lists of messages are kept in memory. */
  readonly cachedMailboxesMax: number;
}

/** What the operations share. */
export interface Engine extends PostgresStoreOptions {
  readonly notices: SharedNotices;
  /** Runs a change in a transaction; its errors become `E_MAILBOX_STORE`. */
  run<T>(change: (work: Work) => Promise<T>): Promise<T>;
  /** A name that nobody else gives. */
  uniqueName(): string;
}

/** Whatever the database says becomes `E_MAILBOX_STORE`. */
export async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (isMailError(cause)) throw cause;
    throw new MailError('E_MAILBOX_STORE', `the mailboxes' database: ${messageOf(cause)}`, { cause });
  }
}
