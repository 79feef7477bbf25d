/** One account: its Maildir, the mailboxes in it, and the queue of its work. */
import { createHash } from 'node:crypto';
import { lstat, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  compareMailboxNames,
  KeywordSpelling,
  MailError,
  normaliseFlags,
  parseStructure,
  threadReferences,
} from '@postroad/core';
import { type AccountState, freshState, readState, writeState } from './account-state.js';
import { dateOf } from './content.js';
import {
  hasCode,
  makeDirectory,
  namesIn,
  type Owner,
  ownerToGive,
  removeFile,
  syncPath,
  unlessMissing,
} from './disk.js';
import type { MaildirEnvironment } from './environment.js';
import { isVerbatim } from './file-name.js';
import type { Folder, MessageFile, NewFile } from './folder.js';
import { addToIndex, writeIndex } from './folder-index.js';
import { KeywordsFile } from './keywords-file.js';
import { Lookout } from './lookout.js';
import { openFolders } from './open-folders.js';
import { AccountPlaces } from './places.js';
import { scanFolder } from './scan-folder.js';
import { SubscriptionsFile } from './subscriptions-file.js';
import { type Batch, WorkQueue } from './work-queue.js';

/** Rows that an index may have beside those it needs, before it is written anew. */
const spareRows = 1_000;
const temporaryMsMax = 36 * 3_600_000;

/** A mailbox with what is needed to look at it. */
export interface OpenFolder {
  readonly folder: Folder;
  readonly keywords: KeywordsFile;
  readonly lookout: Lookout;
  /** UIDs of another server, until the first look. */
  wishedUids?: ReadonlyMap<string, number> | undefined;
}

/** The account. Everything but `messageId` and `list` is for jobs of its queue. */
export class Account {
  readonly id: string;
  readonly number: number;
  readonly path: string;
  readonly environment: MaildirEnvironment;
  readonly queue: WorkQueue;
  readonly places: AccountPlaces;
  owner: Owner | undefined;
  state: AccountState = freshState;
  subscriptions: SubscriptionsFile;
  spelling = new KeywordSpelling();
  /** By directory. */
  readonly folders = new Map<string, OpenFolder>();
  readonly #root: Lookout;
  /** Mailboxes looked at in this batch. */
  readonly #looked = new Set<Folder>();
  #refreshed: Batch | undefined;
  #isStateChanged = false;
  #isLoaded = false;
  #hasFailed = false;

  constructor(id: string, number: number, path: string, environment: MaildirEnvironment) {
    this.id = id;
    this.number = number;
    this.path = path;
    this.environment = environment;
    this.places = new AccountPlaces(environment.places);
    this.subscriptions = new SubscriptionsFile(path, undefined);
    this.#root = new Lookout(() => [path], environment.clock);
    this.queue = new WorkQueue({ finish: (batch) => this.#finish(batch), failed: () => this.#failed() });
  }

  /** Runs a job when the account is read and its list of mailboxes is as it stands on disk. */
  run<T>(job: (batch: Batch) => Promise<T>): Promise<T> {
    return this.queue.run(async (batch) => {
      await this.#refresh(batch);
      return await job(batch);
    });
  }

  /** Resolves when the account is read. */
  async ready(): Promise<void> {
    if (!this.#isLoaded) await this.run(async () => undefined);
  }

  /** The next job looks at everything, whatever the times of directories say. */
  expectChanges(): void {
    this.#root.isDirty = true;
    for (const { lookout } of this.folders.values()) lookout.isDirty = true;
  }

  list(): readonly Folder[] {
    const folders = [...this.folders.values()].map(({ folder }) => folder);
    return folders.sort((a, b) => compareMailboxNames(a.name, b.name));
  }

  byName(name: string): OpenFolder | undefined {
    for (const open of this.folders.values()) if (open.folder.name === name) return open;
    return undefined;
  }

  /** A mailbox as it stands on disk; `E_NOT_FOUND`. */
  async folder(mailboxId: string): Promise<OpenFolder> {
    for (const open of this.folders.values()) {
      if (open.folder.id !== mailboxId) continue;
      await this.look(open);
      return open;
    }
    throw new MailError('E_NOT_FOUND', 'there is no such mailbox');
  }

  /** Takes in what other programs did to a mailbox. */
  async look(open: OpenFolder): Promise<void> {
    // The jobs of a batch see their own changes in memory; looking at them on disk would only take time.
    if (this.#looked.has(open.folder) && !open.lookout.isDirty) return;
    this.#looked.add(open.folder);
    const areKeywordsChanged = await open.keywords.refresh();
    if (!(await open.lookout.isDue()) && !areKeywordsChanged) return;
    const { wishedUids } = open;
    await scanFolder(open.folder, {
      keywords: open.keywords.keywords,
      areKeywordsChanged,
      normalise: (flags) => normaliseFlags(flags, this.spelling),
      adopt: (file, flags) => this.#adopt(open.folder, file, flags),
      ...(wishedUids === undefined ? {} : { wishedUids }),
    });
    open.wishedUids = undefined;
  }

  async lookAtAll(): Promise<void> {
    for (const open of [...this.folders.values()]) await this.look(open);
  }

  /** Changes the state; it is written at once when `now` is set, and else at the end of the batch. */
  async changeState(change: Partial<AccountState>, now = false): Promise<void> {
    this.state = { ...this.state, ...change };
    this.#isStateChanged = !now;
    if (now) await writeState(this.path, this.state, this.owner);
  }

  async usedBytes(): Promise<number> {
    await this.lookAtAll();
    return this.list().reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  /** The thread of a message: that of its nearest known relative, or one named after the first of them. */
  threadOf(parsed: Parameters<typeof threadReferences>[0]): {
    readonly threadId: string;
    readonly ownId: string | null;
  } {
    const { messageId, references } = threadReferences(parsed);
    const own = messageId === undefined ? [] : [messageId];
    const known = this.places.threadOf([...own, ...references]);
    if (known !== undefined) return { threadId: known, ownId: messageId ?? null };
    const first = references.at(-1) ?? messageId ?? this.environment.random.id();
    const digest = createHash('sha256').update(`${this.id}\0${first}`).digest('base64url');
    return { threadId: `T${digest.slice(0, 20)}`, ownId: messageId ?? null };
  }

  newMessageId(): string {
    return `M${this.number.toString(36)}-${this.environment.random.id()}`;
  }

  newBase(sizes: string): string {
    const { clock, random, hostname } = this.environment;
    return `${Math.floor(clock.now() / 1000)}.${random.id()}.${hostname}${sizes}`;
  }

  async #refresh(batch: Batch): Promise<void> {
    if (this.#refreshed === batch) return;
    if (!this.#isLoaded) await this.#load();
    const areSubscriptionsChanged = await this.subscriptions.refresh();
    if (areSubscriptionsChanged && this.folders.size > 0) batch.isListChanged = true;
    if (await this.#root.isDue()) await openFolders(this, batch);
    this.#refreshed = batch;
  }

  async #load(): Promise<void> {
    await makeDirectory(this.path, undefined);
    this.owner = await ownerToGive(this.path);
    for (const part of ['tmp', 'new', 'cur']) await makeDirectory(join(this.path, part), this.owner);
    this.subscriptions = new SubscriptionsFile(this.path, this.owner);
    await this.subscriptions.refresh();
    const state = await readState(this.path);
    this.state = state ?? freshState;
    this.spelling = new KeywordSpelling(this.state.keywords);
    this.expectChanges();
    for (const name of await namesIn(this.path)) {
      // Mailboxes whose removal a crash cut off; no program takes such a name for a mailbox.
      if (name.startsWith(removedPrefix)) await rm(join(this.path, name), { recursive: true, force: true });
    }
    await this.#sweepTemporaries();
    this.#isLoaded = true;
  }

  /** What nobody finished writing in 36 hours never will be (https://cr.yp.to/proto/maildir.html). */
  async #sweepTemporaries(): Promise<void> {
    const directory = join(this.path, 'tmp');
    const before = this.environment.clock.now() - temporaryMsMax;
    for (const name of await namesIn(directory)) {
      const found = await unlessMissing(lstat(join(directory, name)), undefined);
      if (found?.isFile() === true && found.mtimeMs < before && found.ctimeMs < before)
        await removeFile(join(directory, name));
    }
  }

  #failed(): void {
    this.#hasFailed = true;
  }

  /** Drops what is in memory: what the disk says is read again before the next job. */
  forget(): void {
    this.#hasFailed = false;
    this.#isStateChanged = false;
    for (const { folder } of this.folders.values()) folder.clear();
    this.folders.clear();
    this.#isLoaded = false;
  }

  async #adopt(folder: Folder, file: MessageFile, flags: readonly string[]): Promise<NewFile | undefined> {
    const path = join(folder.path, file.place, file.name);
    try {
      const body = await this.environment.contents.open(path, isVerbatim(file.name.split(':')[0] ?? ''));
      try {
        const parsed = await parseStructure('', body);
        const { threadId, ownId } = this.threadOf(parsed);
        const internalDateMs = await dateOf(path);
        const savedAtMs = this.environment.clock.now();
        const { sizeBytes } = body;
        const messageId = this.newMessageId();
        return { file, ownId, entry: { flags, messageId, threadId, sizeBytes, internalDateMs, savedAtMs } };
      } finally {
        await body.release();
      }
    } catch (error) {
      // Gone, renamed, a link or a directory: the next look tells more.
      if (!hasCode(error, 'ENOENT', 'ELOOP', 'E_MAILBOX_STORE')) throw error;
      return undefined;
    }
  }

  async #finish(batch: Batch): Promise<void> {
    try {
      await this.#settle(batch);
    } catch (error) {
      this.forget();
      throw error;
    }
    if (this.#hasFailed) this.forget();
  }

  async #settle(batch: Batch): Promise<void> {
    this.#looked.clear();
    const { notices } = this.environment;
    const touched = [...batch.touched].filter(
      (path) => ![...batch.removed].some((one) => path.startsWith(`${one.path}/`)),
    );
    await Promise.all(touched.map(syncPath));
    if (this.spelling.isChanged) {
      await this.changeState({ keywords: this.spelling.list() });
      this.spelling = new KeywordSpelling(this.state.keywords);
    }
    if (this.#isStateChanged) await this.changeState({}, true);
    const changed = [...this.folders.values()].filter(({ folder }) => folder.pending.length > 0);
    const news = changed.filter(({ folder }) => folder.hasNews);
    await Promise.all(changed.map((open) => this.#writeRows(open)));
    if (batch.isListChanged) await this.#root.noteOwnChange();
    for (const folder of batch.removed) notices.tell({ accountId: this.id, mailboxId: folder.id });
    for (const { folder } of news) notices.tell({ accountId: this.id, mailboxId: folder.id });
    if (batch.isListChanged) notices.tell({ accountId: this.id });
  }

  async #writeRows({ folder, lookout }: OpenFolder): Promise<void> {
    const rows = folder.pending;
    folder.pending = [];
    if (folder.rows + rows.length > 2 * folder.index.size + spareRows) {
      const all = folder.allRows();
      await writeIndex(folder.path, folder.header, all, this.owner);
      folder.rows = all.length;
    } else {
      await addToIndex(folder.path, rows);
      folder.rows += rows.length;
    }
    await lookout.noteOwnChange();
  }
}

/** Removed mailboxes have this name until their files are gone. */
export const removedPrefix = '..POSTROAD-';
