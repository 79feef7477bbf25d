/**
 * Passwords for single programs: made here, shown once, of so much chance (100 bits) that a plain digest can't be
 * guessed from. So any number of them costs no hash, and a wrong password takes as long with them as without.
 */
import { createHash, randomInt } from 'node:crypto';

/** One as the file keeps it. */
export interface ApplicationPassword {
  /** What its owner calls it, such as `phone`. */
  readonly name: string;
  /** SHA-256 of the password, in base64url. */
  readonly sha256: string;
  /** The protocols it is for; all of the account's when absent. */
  readonly protocols?: readonly string[] | undefined;
}

// Without letters that are taken for others.
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const groups = 4;
const lettersPerGroup = 5;

/** A new one, such as `k3f9a-0mxq2-...`, and its digest. */
export function newApplicationPassword(): { readonly password: string; readonly sha256: string } {
  const letter = () => alphabet[randomInt(alphabet.length)] as string;
  const group = () => Array.from({ length: lettersPerGroup }, letter).join('');
  const password = Array.from({ length: groups }, group).join('-');
  return { password, sha256: digestOf(password) ?? '' };
}

/** The one that fits. Which it is can be told by the time: the digests of what was never shown help nobody. */
export function findApplicationPassword(
  known: readonly ApplicationPassword[],
  password: string,
): ApplicationPassword | undefined {
  if (known.length === 0) return undefined;
  const sha256 = digestOf(password);
  return sha256 === undefined ? undefined : known.find((one) => one.sha256 === sha256);
}

/** Blanks, hyphens and capitals are how people type; what has not the right length is none. */
function digestOf(password: string): string | undefined {
  const letters = password.replace(/[\s-]/g, '').toLowerCase();
  if (letters.length !== groups * lettersPerGroup) return undefined;
  return createHash('sha256').update(letters).digest('base64url');
}
