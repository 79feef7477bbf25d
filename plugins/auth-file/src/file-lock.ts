/**
 * A lock file beside the users file, so that two commands at once do not lose each other's change. It names its owner;
 * one whose owner is gone is taken over. Waiting is by watching the folder, not by asking again and again.
 */
import { randomBytes } from 'node:crypto';
import { watch } from 'node:fs';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname } from 'node:path';
import { MailError } from '@postroad/core';

/** A lock that is held. */
export interface FileLock {
  /** Throws `E_DIRECTORY` when somebody has taken the lock away. Ask right before the change becomes visible. */
  assertHeld(): Promise<void>;
  release(): Promise<void>;
}

const waitMs = 10_000;
/** No change takes that long: what is older was left behind on another machine. */
const abandonedMs = 120_000;

/** Takes the lock `${file}.lock`, waiting up to ten seconds; throws `E_DIRECTORY` when it stays taken. */
export async function lockFile(file: string): Promise<FileLock> {
  const path = `${file}.lock`;
  const owner = `${process.pid} ${hostname()} ${randomBytes(8).toString('hex')}\n`;
  const changes = watchFile(path);
  const timeout = AbortSignal.timeout(waitMs);
  try {
    while (!(await tryLock(path, owner))) {
      if (timeout.aborted) throw new MailError('E_DIRECTORY', `${path} is held by another command`);
      if (!(await removeIfAbandoned(path))) await changes.next(timeout);
    }
  } finally {
    changes.close();
  }
  return {
    async assertHeld() {
      if ((await readOwner(path)) !== owner) throw new MailError('E_DIRECTORY', `${path} was taken away`);
    },
    async release() {
      if ((await readOwner(path)) === owner) await rm(path, { force: true });
    },
  };
}

async function tryLock(path: string, owner: string): Promise<boolean> {
  try {
    const handle = await open(path, 'wx', 0o600);
    try {
      await handle.writeFile(owner);
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw new MailError('E_DIRECTORY', `${path} can't be written`, { cause: error });
  }
}

/** Moves the lock of an owner that is gone aside before it is removed, so that of two who do it only one succeeds. */
async function removeIfAbandoned(path: string): Promise<boolean> {
  const owner = await readOwner(path);
  if (owner === undefined) return true;
  if (!(await isAbandoned(path, owner))) return false;
  const aside = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return true;
    throw error;
  }
  await rm(aside, { force: true });
  return true;
}

async function isAbandoned(path: string, owner: string): Promise<boolean> {
  const [pid = '', host = ''] = owner.trim().split(' ');
  if (host === hostname()) return !isRunning(Number(pid));
  // Somebody else's machine, or a lock whose writer has not got to its first octet: only age can tell. The present
  // is asked of the same file system, because clocks of machines differ.
  const probe = `${path}.${randomBytes(6).toString('hex')}`;
  const handle = await open(probe, 'wx', 0o600);
  try {
    const [now, lock] = [await handle.stat(), await stat(path).catch(() => undefined)];
    return lock === undefined || now.mtimeMs - lock.mtimeMs > abandonedMs;
  } finally {
    await handle.close();
    await rm(probe, { force: true });
  }
}

function isRunning(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

async function readOwner(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function watchFile(path: string) {
  let changed = false;
  let wake: (() => void) | undefined;
  const watcher = watch(dirname(path), { persistent: true }, (_event, name) => {
    if (name !== null && name !== basename(path)) return;
    changed = true;
    wake?.();
  });
  // A folder that can't be watched any more only means that the wait lasts until its end.
  watcher.on('error', () => wake?.());
  return {
    /** Resolves at the next change since the last call, or when the signal aborts. */
    async next(signal: AbortSignal): Promise<void> {
      if (!changed && !signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      }
      changed = false;
    },
    close: () => watcher.close(),
  };
}

function codeOf(error: unknown): unknown {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}
