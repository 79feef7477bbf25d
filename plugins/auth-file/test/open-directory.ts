/** Opens the plugin as a running server would, with a clock that stands still and a log that is kept. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Clock,
  createPasswordVerifier,
  type Directory,
  type LogFields,
  type Logger,
  type ScramHash,
} from '@postroad/core';
import { createFileDirectory } from '../src/directory.js';
import { createLiveUsers } from '../src/live-users.js';
import { createRenewal } from '../src/renew.js';
import { usersFile } from '../src/users-file.js';

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
  options: {
    clock?: Clock;
    log?: Logger;
    cacheEntriesMax?: number;
    waitingMax?: number;
    scram?: readonly ScramHash[];
  } = {},
): Promise<{ directory: Directory; hashes(): number; renewed(): Promise<void>; close(): void }> {
  const users = createLiveUsers({
    file,
    clock: options.clock ?? handClock(),
    log: options.log ?? keepingLog(),
    cacheEntriesMax: options.cacheEntriesMax ?? 100,
    cacheMs: 1_000,
  });
  const passwords = createPasswordVerifier({
    clock: options.clock ?? handClock(),
    waitingMax: options.waitingMax ?? 100,
  });
  const hashes = options.scram ?? [];
  const secret = Buffer.alloc(32, 1);
  const renewal = createRenewal(usersFile(file, { hashes, iterations: 4_096 }), options.log ?? keepingLog());
  let count = 0;
  const counted = {
    verify(...args: Parameters<typeof passwords.verify>) {
      count++;
      return passwords.verify(...args);
    },
  };
  try {
    await users.start();
  } catch (error) {
    users.stop();
    throw error;
  }
  const scram = { hashes, iterations: 4_096, secret: () => secret };
  const directory = createFileDirectory({
    users,
    passwords: counted,
    renew: renewal.renew,
    ...(hashes.length === 0 ? {} : { scram }),
  });
  return { directory, hashes: () => count, renewed: renewal.idle, close: () => users.stop() };
}
