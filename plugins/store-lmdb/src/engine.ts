/** The parts of an open store and how they work together: tables, caches, group commit, body files, notices. */
import { ChangeNotices, isMailError, MailError } from '@postroad/core';
import { LRUCache } from 'lru-cache';
import { Bodies } from './bodies.js';
import { BodyFiles } from './body-files.js';
import type { Change } from './change.js';
import type { ChangeEnvironment } from './change-records.js';
import { Committer } from './committer.js';
import { EntryCache } from './entry-cache.js';
import { decodeMessage, type MessageRecord } from './message-codec.js';
import { formatId, type MailboxRecord, parseId } from './records.js';
import { layoutVersion, openTables, type Tables } from './tables.js';

/** Options of the store, all decided. */
export interface EngineOptions {
  readonly directory: string;
  /** Bodies up to this size stand in LMDB, larger ones in files. */
  readonly inlineBytesMax: number;
  /** About how many changes a mailbox remembers. */
  readonly changeLogMax: number;
  readonly cachedEntriesMax: number;
  readonly cachedMessagesMax: number;
  /** Whether an index of texts is kept. */
  readonly hasTextIndex: boolean;
  readonly nowMs: () => number;
  /** When this process started, in milliseconds since 1970. */
  readonly startedAtMs: number;
  /** Gets what went wrong where nobody waits for an answer. */
  readonly onError: (what: string, error: unknown) => void;
}

/** An open store. */
export class Engine {
  readonly options: EngineOptions;
  readonly tables: Tables;
  readonly cache: EntryCache;
  readonly notices: ChangeNotices;
  readonly files: BodyFiles;
  readonly bodies: Bodies;
  readonly #committer: Committer;
  readonly #messages: LRUCache<number, MessageRecord>;
  #isClosed = false;

  /** Opens the directory; throws `E_MAILBOX_STORE` when it can't be opened. */
  constructor(options: EngineOptions) {
    this.options = options;
    this.tables = openChecked(options.directory);
    this.cache = new EntryCache(this.tables, options.cachedEntriesMax);
    this.notices = new ChangeNotices((error) => options.onError('a watcher of mailboxes failed', error));
    this.files = new BodyFiles({
      directory: options.directory,
      startedAtMs: options.startedAtMs,
      onError: (error) => options.onError('a message body could not be removed', error),
    });
    this.bodies = new Bodies(this.tables, this.files, options.inlineBytesMax);
    this.#messages = new LRUCache({ max: options.cachedMessagesMax });
    const environment: ChangeEnvironment = {
      tables: this.tables,
      cache: this.cache,
      changeLogMax: options.changeLogMax,
      nowMs: options.nowMs,
    };
    this.#committer = new Committer(environment, (change) => this.#told(change));
  }

  /** Makes a change durable. See `Committer.run`. */
  async run<T>(make: (change: Change) => T): Promise<T> {
    this.#requireOpen();
    return this.#committer.run(make);
  }

  /** Reads in one snapshot; whatever LMDB throws becomes `E_MAILBOX_STORE`. */
  read<T>(read: (tables: Tables) => T): T {
    this.#requireOpen();
    try {
      return read(this.tables);
    } catch (cause) {
      if (isMailError(cause)) throw cause;
      throw new MailError('E_MAILBOX_STORE', 'the mailbox store could not be read', { cause });
    }
  }

  /** A mailbox as committed; throws `E_NOT_FOUND`. */
  mailbox(mailboxId: string): MailboxRecord {
    const record = this.findMailbox(mailboxId);
    if (record === undefined) throw new MailError('E_NOT_FOUND', 'there is no such mailbox');
    return record;
  }

  findMailbox(mailboxId: string): MailboxRecord | undefined {
    const number = parseId('F', mailboxId);
    const record = number === undefined ? undefined : this.tables.mailboxes.get(number);
    return record?.isRemoved === true ? undefined : record;
  }

  /** A stored message. */
  message(messageId: string): MessageRecord | undefined {
    const number = parseId('M', messageId);
    if (number === undefined) return undefined;
    let message = this.#messages.get(number);
    if (message !== undefined) return message;
    const row = this.tables.messages.get(number);
    if (row === undefined) return undefined;
    message = decodeMessage(number, row);
    this.#messages.set(number, message);
    return message;
  }

  /** Lets changes under way finish and closes the files. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#committer.idle();
    await this.files.settled();
    await this.tables.root.close();
  }

  /** What is committed is acknowledged, whatever happens to caches and watchers. */
  #told(change: Change): void {
    try {
      this.#afterCommit(change);
    } catch (error) {
      this.cache.clear();
      this.#messages.clear();
      this.options.onError('a change could not be told', error);
    }
  }

  #afterCommit(change: Change): void {
    for (const delta of change.deltas.values()) this.cache.apply(delta);
    for (const number of change.freedMessages) this.#messages.delete(number);
    for (const file of change.freedFiles) this.files.remove(file);
    for (const [number, accountId] of change.contents) {
      this.notices.tell({ accountId, mailboxId: formatId('F', number) });
    }
    for (const notice of change.annotated) this.notices.tell(notice);
    for (const accountId of change.lists) this.notices.tell({ accountId });
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new MailError('E_MAILBOX_STORE', 'the mailbox store is closed');
  }
}

function openChecked(directory: string): Tables {
  let tables: Tables;
  try {
    tables = openTables(directory);
    if (tables.meta.get('layout') === undefined) tables.meta.putSync('layout', layoutVersion);
  } catch (cause) {
    throw new MailError('E_MAILBOX_STORE', `the mailbox store in ${directory} could not be opened`, {
      cause,
    });
  }
  const layout = tables.meta.get('layout');
  if (layout === layoutVersion) return tables;
  void tables.root.close();
  throw new MailError(
    'E_MAILBOX_STORE',
    `the mailbox store in ${directory} has layout ${String(layout)}, not ${layoutVersion}`,
  );
}
