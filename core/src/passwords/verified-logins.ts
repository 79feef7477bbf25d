/** Recently verified logins, so that clients which reconnect all the time do not cost a hash each time. */
import { createHmac, randomBytes } from 'node:crypto';

/** Remembers that a password was right, not the password: only a keyed digest, whose key never leaves the process. */
export interface VerifiedLogins {
  has(id: string, password: string): boolean;
  add(id: string, password: string): void;
}

/** At most `entriesMax` logins, each for `keepMs`. Made anew for each state of the file, so that a change forgets all. */
export function createVerifiedLogins(
  entriesMax: number,
  keepMs: number,
  monotonic: () => number,
): VerifiedLogins {
  const secret = randomBytes(32);
  const untilMs = new Map<string, number>();
  const keyOf = (id: string, password: string) =>
    createHmac('sha256', secret).update(`${id.length}:${id}${password}`).digest('base64');
  return {
    has(id, password) {
      if (untilMs.size === 0) return false;
      const key = keyOf(id, password);
      const until = untilMs.get(key);
      if (until === undefined) return false;
      if (until > monotonic()) return true;
      untilMs.delete(key);
      return false;
    },
    add(id, password) {
      if (entriesMax === 0) return;
      const oldest = untilMs.keys().next().value;
      if (untilMs.size >= entriesMax && oldest !== undefined) untilMs.delete(oldest);
      untilMs.set(keyOf(id, password), monotonic() + keepMs);
    },
  };
}
