/** Passwords: argon2id (RFC 9106) with the parameters that OWASP names first, 19 MiB and two passes. */
import { availableParallelism } from 'node:os';
import { hash, verify } from '@node-rs/argon2';
import { MailError } from '@postroad/core';

/** Longest password in octets; a longer one is wrong. */
const passwordOctetsMax = 1_024;
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** Checks passwords, a few at once. */
export interface PasswordVerifier {
  /**
   * Whether it fits; takes as long when there is no hash. Throws `E_DIRECTORY` when too many wait already, and the
   * signal's reason when it aborts first.
   */
  verify(passwordHash: string | undefined, password: string, signal?: AbortSignal): Promise<boolean>;
}

/** A hash to keep; throws `E_USAGE` for a password that nobody could log in with. */
export async function hashPassword(password: string): Promise<string> {
  const prepared = preparePassword(password);
  if (prepared === undefined) {
    throw new MailError('E_USAGE', `a password has 1 to ${passwordOctetsMax} octets and no NUL`);
  }
  return hash(prepared, parameters);
}

/** The password as it is hashed: NFC (RFC 8265 section 4.2.1); `undefined` when it can't be one. */
export function preparePassword(password: string): string | undefined {
  const prepared = password.normalize('NFC');
  if (prepared === '' || prepared.includes('\u0000')) return undefined;
  return Buffer.byteLength(prepared) > passwordOctetsMax ? undefined : prepared;
}

/**
 * Makes a verifier. `activeMax` hashes are computed at once, so that a flood of logins can neither fill the memory
 * nor take every thread that file access needs; `waitingMax` more may wait. `dummyHash` is what an unknown login is
 * measured against.
 */
export function createPasswordVerifier(
  dummyHash: () => Promise<string>,
  waitingMax: number,
  activeMax: number = defaultActiveMax(),
): PasswordVerifier {
  let active = 0;
  const waiting: (() => void)[] = [];
  return {
    async verify(passwordHash, password, signal) {
      signal?.throwIfAborted();
      if (active >= activeMax) {
        if (waiting.length >= waitingMax) throw new MailError('E_DIRECTORY', 'too many logins at once');
        await new Promise<void>((resolve) => waiting.push(resolve));
      } else {
        active++;
      }
      try {
        signal?.throwIfAborted();
        const isRight = await verify(passwordHash ?? (await dummyHash()), password);
        return isRight && passwordHash !== undefined;
      } finally {
        // The place goes straight to who waits longest; the count changes only when nobody does.
        const next = waiting.shift();
        if (next === undefined) active--;
        else next();
      }
    },
  };
}

function defaultActiveMax(): number {
  const threads = Number(process.env.UV_THREADPOOL_SIZE) || 4;
  return Math.max(1, Math.min(availableParallelism(), threads - 1));
}
