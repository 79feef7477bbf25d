/** The plugin `auth-file`: accounts from a users file. */
import { resolve } from 'node:path';
import {
  accountCommands,
  Clock,
  createPasswordVerifier,
  Directory,
  definePlugin,
  type ScramHash,
  type StandardSchema,
} from '@postroad/core';
import { z } from 'zod';
import { createFileDirectory } from './directory.js';
import { createLiveUsers } from './live-users.js';
import { createRenewal } from './renew.js';
import { readSecret } from './scram.js';
import { usersFile } from './users-file.js';

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
  /** The hashes that SCRAM is offered with, and that new passwords get keys for; none by default. */
  readonly scram?: readonly ScramHash[] | undefined;
  /** Rounds of new SCRAM keys; default 10,000. */
  readonly scramIterations?: number | undefined;
  /** Whether a password that is kept in an old way is kept anew at the next login; default true. */
  readonly renewPasswords?: boolean | undefined;
}

/** The checked options. */
export interface AuthFileConfig {
  readonly file: string;
  readonly cacheEntriesMax: number;
  readonly cacheMs: number;
  readonly waitingMax: number;
  readonly scram: readonly ScramHash[];
  readonly scramIterations: number;
  readonly renewPasswords: boolean;
}

const config: StandardSchema<AuthFileOptions, AuthFileConfig> = z.strictObject({
  file: z
    .string()
    .min(1)
    .transform((file) => resolve(file)),
  cacheEntriesMax: z.number().int().min(0).max(1_000_000).default(10_000),
  cacheMs: z.number().int().min(0).max(86_400_000).default(300_000),
  waitingMax: z.number().int().min(1).max(1_000_000).default(1_000),
  scram: z
    .array(z.enum(['SHA-256', 'SHA-1']))
    .max(2)
    .default([]),
  // RFC 7677 section 4: at least 4,096.
  scramIterations: z.number().int().min(4_096).max(1_000_000).default(10_000),
  renewPasswords: z.boolean().default(true),
});

/** Provides `Directory` from a users file with argon2id hashes, and the `postroad user` commands. */
export const authFile = definePlugin({
  name: 'auth-file',
  description: 'Accounts from a users file.',
  config,
  needs: { clock: Clock },
  provides: [Directory],
  commands: accountCommands(({ file, scram, scramIterations: iterations }: AuthFileConfig) =>
    usersFile(file, { hashes: scram, iterations }),
  ),
  setup({ config, services, provide, onStart, defer, log }) {
    const { clock } = services;
    const { file, scram: hashes, scramIterations: iterations } = config;
    const users = createLiveUsers({ ...config, clock, log });
    const passwords = createPasswordVerifier({ clock, waitingMax: config.waitingMax });
    const renewal = createRenewal(usersFile(file, { hashes, iterations }), log);
    let secret: Uint8Array = new Uint8Array(32);
    const scram = { hashes, iterations, secret: () => secret };
    provide(
      Directory,
      createFileDirectory({
        users,
        passwords,
        ...(config.renewPasswords ? { renew: renewal.renew } : {}),
        ...(hashes.length === 0 ? {} : { scram }),
      }),
    );
    onStart(async () => {
      await users.start();
      if (hashes.length > 0) secret = await readSecret(file);
      // The hash for unknown logins is made here, so that the first of them does not take twice as long.
      await passwords.verify(undefined, 'none');
    });
    defer(async () => {
      users.stop();
      await renewal.idle();
    });
  },
});
