/** The users file as a running server sees it: read when it changes, and kept as it was while it is broken. */
import { type FSWatcher, watch } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { type Clock, type Logger, MailError, messageOf } from '@postroad/core';
import { parseUsers, type Users } from './users-text.js';
import { createVerifiedLogins, type VerifiedLogins } from './verified-logins.js';

/** One state of the file. What was verified against it is forgotten with it. */
export interface UsersState extends Users {
  readonly verified: VerifiedLogins;
}

/** The file, followed. */
export interface LiveUsers {
  /** Reads the file for the first time; throws `E_DIRECTORY` when it is missing or broken. */
  start(): Promise<void>;
  /** The present state; the file is looked at again when the last look was a second ago. */
  current(): Promise<UsersState>;
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

/** Follows a users file: told by the file system, and by looking at it on use for where nobody tells. */
export function createLiveUsers({ file, clock, log, cacheEntriesMax, cacheMs }: LiveUsersOptions): LiveUsers {
  let state: UsersState | undefined;
  let stamp = '';
  let lookedAtMs = 0;
  let looking: Promise<void> | undefined;
  let watcher: FSWatcher | undefined;

  async function look(): Promise<void> {
    const now = await stampOf(file);
    lookedAtMs = clock.monotonic();
    if (now === stamp) return;
    const isFirst = state === undefined;
    try {
      const { text, readStamp } = await read(file);
      stamp = readStamp;
      const verified = createVerifiedLogins(cacheEntriesMax, cacheMs, () => clock.monotonic());
      state = { ...parseUsers(text, file), verified };
      log.info('users file read', { file, accounts: state.all.length });
    } catch (error) {
      // The same broken file is told once: its stamp is remembered too.
      stamp = now;
      if (isFirst) throw error;
      log.error('users file is broken, the last good state stays', { file, error });
    }
  }

  /** One look at a time. A look under way may have missed a change that came after it began, so `fresh` starts anew. */
  async function lookOnce(mustStartNow: boolean): Promise<UsersState> {
    if (looking !== undefined) {
      await looking;
      if (!mustStartNow) return known();
    }
    looking ??= look().finally(() => {
      looking = undefined;
    });
    await looking;
    return known();
  }

  function known(): UsersState {
    if (state === undefined) throw new MailError('E_DIRECTORY', `users file ${file} has not been read`);
    return state;
  }

  function follow(): void {
    try {
      watcher = watch(dirname(file), { persistent: false }, (_event, name) => {
        if (name !== null && name !== basename(file)) return;
        lookOnce(true).catch((error) => log.error('users file can not be read', { file, error }));
      });
      watcher.on('error', (error) => log.warn('users file is not watched any more', { file, error }));
    } catch (error) {
      log.warn('users file can not be watched, changes are seen at logins', {
        file,
        error: messageOf(error),
      });
    }
  }

  return {
    async start() {
      follow();
      await lookOnce(false);
      const { mode } = await stat(file);
      if ((mode & 0o077) !== 0)
        log.warn('users file can be read by others, its mode should be 0600', { file });
    },
    async current() {
      if (state !== undefined && clock.monotonic() - lookedAtMs < lookAgainMs) return state;
      return lookOnce(false);
    },
    fresh: () => lookOnce(true),
    stop() {
      watcher?.close();
    },
  };
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
