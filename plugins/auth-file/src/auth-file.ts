/** The plugin `auth-file`: accounts from a users file. */
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { Clock, Directory, definePlugin, type StandardSchema } from '@postroad/core';
import { z } from 'zod';
import { userCommands } from './commands.js';
import { createFileDirectory } from './directory.js';
import { createLiveUsers } from './live-users.js';
import { createPasswordVerifier, hashPassword } from './password.js';

/** What `authFile` takes. */
export interface AuthFileOptions {
  /** The users file; relative to the working directory. It must exist: `postroad user add` makes it. */
  readonly file: string;
  /** Verified logins remembered, so that clients which reconnect cost no hash; 0 remembers none. Default 10,000. */
  readonly cacheEntriesMax?: number | undefined;
  /** How long a verified login is remembered; default five minutes. A change of the file forgets all at once. */
  readonly cacheMs?: number | undefined;
  /** Most logins that may wait for their hash; more are put off with a temporary failure. Default 1,000. */
  readonly waitingMax?: number | undefined;
}

/** The checked options. */
export interface AuthFileConfig {
  readonly file: string;
  readonly cacheEntriesMax: number;
  readonly cacheMs: number;
  readonly waitingMax: number;
}

const config: StandardSchema<AuthFileOptions, AuthFileConfig> = z.strictObject({
  file: z
    .string()
    .min(1)
    .transform((file) => resolve(file)),
  cacheEntriesMax: z.number().int().min(0).max(1_000_000).default(10_000),
  cacheMs: z.number().int().min(0).max(86_400_000).default(300_000),
  waitingMax: z.number().int().min(1).max(1_000_000).default(1_000),
});

/** Provides `Directory` from a users file with argon2id hashes, and the `postroad user` commands. */
export const authFile = definePlugin({
  name: 'auth-file',
  description: 'Accounts from a users file.',
  config,
  needs: { clock: Clock },
  provides: [Directory],
  commands: userCommands,
  setup({ config, services, provide, onStart, defer, log }) {
    const users = createLiveUsers({ ...config, clock: services.clock, log });
    let dummyHash: Promise<string> | undefined;
    const passwords = createPasswordVerifier(() => {
      dummyHash ??= hashPassword(randomBytes(16).toString('hex'));
      return dummyHash;
    }, config.waitingMax);
    provide(Directory, createFileDirectory(users, passwords));
    onStart(async () => {
      await users.start();
      // The hash for unknown logins is made here, so that the first of them does not take twice as long.
      await passwords.verify(undefined, 'none');
    });
    defer(() => users.stop());
  },
});
