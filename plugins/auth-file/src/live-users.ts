/** The users file as a running server sees it: read when it changes, and kept as it was while it is broken. */
import { type FSWatcher, watch } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import {
  type Clock,
  createVerifiedLogins,
  type Logger,
  MailError,
  type MaybePromise,
  messageOf,
  type VerifiedLogins,
} from '@postroad/core';
import { parseUsers, type Users } from './users-text.js';

/** One state of the file. What was verified against it is forgotten with it. */
export interface UsersState extends Users {
  readonly verified: VerifiedLogins;
}

/** The file, followed. */
export interface LiveUsers {
  /** Reads the file for the first time; throws `E_DIRECTORY` when it is missing or broken. */
  start(): Promise<void>;
  /** The present state, at once; the file is looked at again when the last look was a second ago. */
  current(): MaybePromise<UsersState>;
  /** The present state; the file is always looked at. */
  fresh(): Promise<UsersState>;
  stop(): void;
}

/** What it is made with. */
export interface LiveUsersOptions {
  readonly file: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly cacheEntriesMax: number;
  readonly cacheMs: number;
}

const lookAgainMs = 1_000;
const fileOctetsMax = 268_435_456;
const never = () => false;

/** Follows a users file: told by the file system, and by looking at it on use for where nobody tells. */
export function createLiveUsers(options: LiveUsersOptions): LiveUsers {
  return new FollowedUsers(options);
}

class FollowedUsers implements LiveUsers {
  readonly #options: LiveUsersOptions;
  #state: UsersState | undefined;
  #stamp = '';
  #lookedAtMs = 0;
  #looking: Promise<void> | undefined;
  #watcher: FSWatcher | undefined;

  constructor(options: LiveUsersOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { file, log } = this.#options;
    this.#watcher = this.#watch();
    await this.#lookOnce(never);
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0) log.warn('users file can be read by others, its mode should be 0600', { file });
  }

  current(): MaybePromise<UsersState> {
    if (this.#state !== undefined && this.#isRecent()) return this.#state;
    return this.#lookOnce(() => this.#isRecent());
  }

  fresh(): Promise<UsersState> {
    return this.#lookOnce(never);
  }

  stop(): void {
    this.#watcher?.close();
  }

  #isRecent(): boolean {
    return this.#options.clock.monotonic() - this.#lookedAtMs < lookAgainMs;
  }

  /** One look at a time. A look under way may have missed a change that came after it began: who asks says whether it will do. */
  async #lookOnce(willDo: () => boolean): Promise<UsersState> {
    if (this.#looking !== undefined) {
      await this.#looking;
      if (willDo()) return this.#known();
    }
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    await this.#looking;
    return this.#known();
  }

  async #look(): Promise<void> {
    const { file, clock, log, cacheEntriesMax, cacheMs } = this.#options;
    const beganMs = clock.monotonic();
    const now = await stampOf(file);
    this.#lookedAtMs = beganMs;
    if (now === this.#stamp) return;
    const isFirst = this.#state === undefined;
    try {
      const { text, readStamp } = await read(file);
      this.#stamp = readStamp;
      const verified = createVerifiedLogins(cacheEntriesMax, cacheMs, () => clock.monotonic());
      this.#state = { ...parseUsers(text, file), verified };
      log.info('users file read', { file, accounts: this.#state.all.length });
    } catch (error) {
      // The same broken file is told once: its stamp is remembered too.
      this.#stamp = now;
      if (isFirst) throw error;
      log.error('users file is broken, the last good state stays', { file, error });
    }
  }

  #known(): UsersState {
    if (this.#state === undefined) {
      throw new MailError('E_DIRECTORY', `users file ${this.#options.file} has not been read`);
    }
    return this.#state;
  }

  #watch(): FSWatcher | undefined {
    const { file, log } = this.#options;
    try {
      const watcher = watch(dirname(file), { persistent: false }, (_event, name) => {
        if (name !== null && name !== basename(file)) return;
        this.#lookOnce(never).catch((error) => log.error('users file can not be read', { file, error }));
      });
      watcher.on('error', (error) => log.warn('users file is not watched any more', { file, error }));
      return watcher;
    } catch (error) {
      log.warn('users file can not be watched, changes are seen at logins', {
        file,
        error: messageOf(error),
      });
      return undefined;
    }
  }
}

/** What changes when the file changes, also when it is replaced by one of equal size within the clock's tick. */
async function stampOf(file: string): Promise<string> {
  try {
    return stampText(await stat(file, { bigint: true }));
  } catch (error) {
    return `unreadable ${messageOf(error)}`;
  }
}

function stampText(facts: { ino: bigint; size: bigint; mtimeNs: bigint; ctimeNs: bigint }): string {
  return `${facts.ino} ${facts.size} ${facts.mtimeNs} ${facts.ctimeNs}`;
}

async function read(file: string): Promise<{ text: string; readStamp: string }> {
  try {
    const handle = await open(file, 'r');
    try {
      const facts = await handle.stat({ bigint: true });
      if (facts.size > fileOctetsMax) throw new Error(`larger than ${fileOctetsMax} octets`);
      return { text: await handle.readFile('utf8'), readStamp: stampText(facts) };
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw new MailError('E_DIRECTORY', `users file ${file} can't be read: ${messageOf(cause)}`, { cause });
  }
}
