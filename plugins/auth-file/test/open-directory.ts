/** Opens the plugin as a running server would, with a clock that stands still and a log that is kept. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock, Directory, LogFields, Logger } from '@postroad/core';
import { createFileDirectory } from '../src/directory.js';
import { createLiveUsers } from '../src/live-users.js';
import { createPasswordVerifier, hashPassword } from '../src/password.js';

export interface LogLine {
  readonly level: string;
  readonly event: string;
  readonly fields: LogFields | undefined;
}

/** A clock that is moved by hand. */
export function handClock(): Clock & { move(ms: number): void } {
  let monotonicMs = 0;
  return {
    now: () => 1_700_000_000_000 + monotonicMs,
    monotonic: () => monotonicMs,
    after: () => ({ cancel() {} }),
    sleep: async () => {},
    move(ms) {
      monotonicMs += ms;
    },
  };
}

/** A logger that keeps its lines. */
export function keepingLog(): Logger & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: string) => (event: string, fields?: LogFields) => {
    lines.push({ level, event, fields });
  };
  const log = { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  return { ...log, child: () => ({ ...log, child: () => keepingLog() }) };
}

/** A temporary folder. */
export async function temporaryFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'postroad-auth-file-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** A directory over the file. */
export async function openDirectory(
  file: string,
  options: { clock?: Clock; log?: Logger; cacheEntriesMax?: number; waitingMax?: number } = {},
): Promise<{ directory: Directory; hashes(): number; close(): void }> {
  const users = createLiveUsers({
    file,
    clock: options.clock ?? handClock(),
    log: options.log ?? keepingLog(),
    cacheEntriesMax: options.cacheEntriesMax ?? 100,
    cacheMs: 1_000,
  });
  const dummy = hashPassword('nobody has this');
  const passwords = createPasswordVerifier(() => dummy, options.waitingMax ?? 100);
  let hashes = 0;
  const counted = {
    verify(...args: Parameters<typeof passwords.verify>) {
      hashes++;
      return passwords.verify(...args);
    },
  };
  try {
    await users.start();
  } catch (error) {
    users.stop();
    throw error;
  }
  return { directory: createFileDirectory(users, counted), hashes: () => hashes, close: () => users.stop() };
}
