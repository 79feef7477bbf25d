/**
 * Waiting for locks that others hold, so that nobody has to wait behind us: who asks for a strong lock makes all that come
 * after it wait too, so it is asked for during half a second at most, and again after a pause.
 */
import { type Clock, MailError } from '@postroad/core';
import { isRetryable } from './faults.js';
import type { Postgres } from './pool.js';

/** How long to wait, and whom to tell of it. */
export interface Patience {
  readonly clock: Clock;
  readonly report: (line: string) => void;
  /** In all, for each thing that is waited for. */
  readonly patienceMs: number;
}

/** The first statement of a transaction that asks for strong locks. */
export const lockTimeout = "SET LOCAL lock_timeout = '500ms'";

const pauseMsMin = 500;
const pauseMsMax = 5_000;

/** Runs `work`, and again while it does not get its locks. Throws `E_START` when that lasts too long. */
export async function withPatience<T>(
  database: Postgres,
  { clock, report, patienceMs }: Patience,
  work: () => Promise<T>,
): Promise<T> {
  const endsMs = clock.monotonic() + patienceMs;
  let pauseMs = pauseMsMin;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isRetryable(error)) throw error;
      const holder = await oldestTransaction(database);
      const left = endsMs - clock.monotonic();
      if (left <= 0)
        throw new MailError('E_START', `a lock was not to be had${holder}; run it again later`, {
          cause: error,
        });
      report(`waits for a lock that another holds${holder}`);
      await clock.sleep(Math.min(pauseMs, left));
      pauseMs = Math.min(2 * pauseMs, pauseMsMax);
    }
  }
}

/** Who is most likely the one that is waited for, in words. */
async function oldestTransaction(database: Postgres): Promise<string> {
  const [row] = await database.query<{ pid: number; name: string; seconds: number }>(
    `SELECT pid, application_name AS name, extract(epoch FROM now() - xact_start)::int AS seconds
     FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'
       AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
     ORDER BY xact_start LIMIT 1`,
  );
  if (row === undefined) return '';
  return ` (the oldest transaction: process ${row.pid}, "${row.name}", since ${row.seconds} s)`;
}
