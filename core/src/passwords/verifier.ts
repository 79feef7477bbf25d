/** Checking passwords: a few at once, and no answer says by its time whether there is such a login. */
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { MailError } from '../errors.js';
import type { Clock } from '../services/clock.js';
import { hashArgon2 } from './argon2.js';
import { createEqualTimes } from './equal-times.js';
import { type KeptPassword, readKeptPassword } from './schemes.js';

/** Longest password in octets; a longer one is wrong. */
const passwordOctetsMax = 1_024;

/** What a check gives. */
export interface PasswordCheck {
  readonly isRight: boolean;
  /** The password was right, and should be hashed anew: it is kept in an old way. */
  readonly needsRehash: boolean;
}

/** Checks passwords. */
export interface PasswordVerifier {
  /**
   * Whether it fits what is kept; takes as long when nothing is. Throws `E_DIRECTORY` when too many wait already, or
   * what is kept can't be read, and the signal's reason when it aborts first.
   */
  verify(kept: string | undefined, password: string, signal?: AbortSignal): Promise<PasswordCheck>;
}

/** What a verifier is made with. */
export interface PasswordVerifierOptions {
  readonly clock: Clock;
  /** Checks that may wait for their turn; 1,000 by default. */
  readonly waitingMax?: number;
  /** Checks at once, so that a flood of logins fills neither the memory nor every thread that files need. */
  readonly activeMax?: number;
}

const wrong: PasswordCheck = Object.freeze({ isRight: false, needsRehash: false });

/** A hash to keep; throws `E_USAGE` for a password that nobody could log in with. */
export async function hashPassword(password: string): Promise<string> {
  const prepared = preparePassword(password);
  if (prepared === undefined) {
    throw new MailError('E_USAGE', `a password has 1 to ${passwordOctetsMax} octets and no NUL`);
  }
  return hashArgon2(prepared);
}

/** The password as it is hashed: NFC (RFC 8265 section 4.2.1); `undefined` when it can't be one. */
export function preparePassword(password: string): string | undefined {
  const prepared = password.normalize('NFC');
  if (prepared === '' || prepared.includes('\0')) return undefined;
  return Buffer.byteLength(prepared) > passwordOctetsMax ? undefined : prepared;
}

/** Makes a verifier. Nothing is hashed before it is asked for. */
export function createPasswordVerifier(options: PasswordVerifierOptions): PasswordVerifier {
  const { clock, waitingMax = 1_000, activeMax = defaultActiveMax() } = options;
  const turns = createTurns(activeMax, waitingMax);
  const times = createEqualTimes(clock);
  let nobody: Promise<string> | undefined;
  /** What an unknown login is measured against. */
  const hashOfNobody = () => {
    nobody ??= hashArgon2(randomBytes(16).toString('hex'));
    return nobody;
  };
  return {
    async verify(kept, password, signal) {
      const prepared = preparePassword(password);
      const read = readOrThrow(kept ?? (await hashOfNobody()));
      let spentMs = 0;
      const fits = await turns.take(signal, async () => {
        const startMs = clock.monotonic();
        const answer = await read.verify(prepared ?? 'none');
        spentMs = clock.monotonic() - startMs;
        times.note(read.scheme, spentMs);
        return answer;
      });
      if (fits && kept !== undefined && prepared !== undefined) {
        return { isRight: true, needsRehash: !read.isOfToday };
      }
      // Where old hashes are about, a refusal takes as long as with the slowest of them.
      await times.level(spentMs, signal);
      return wrong;
    },
  };
}

function readOrThrow(kept: string): KeptPassword {
  const read = readKeptPassword(kept);
  if (read === undefined) throw new MailError('E_DIRECTORY', 'a kept password is of no known scheme');
  return read;
}

function createTurns(activeMax: number, waitingMax: number) {
  let active = 0;
  const waiting: (() => void)[] = [];
  return {
    async take<T>(signal: AbortSignal | undefined, run: () => Promise<T>): Promise<T> {
      signal?.throwIfAborted();
      if (active >= activeMax) {
        if (waiting.length >= waitingMax) throw new MailError('E_DIRECTORY', 'too many logins at once');
        await new Promise<void>((resolve) => waiting.push(resolve));
      } else {
        active++;
      }
      try {
        signal?.throwIfAborted();
        return await run();
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
