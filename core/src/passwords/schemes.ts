/** The ways in which passwords are kept: argon2id for new ones, others are read and replaced. */
import { readArgon2, verifyArgon2 } from './argon2.js';
import { isBcrypt, verifyBcrypt } from './bcrypt.js';
import { isDerivedKey, verifyDerivedKey } from './derived-keys.js';
import { isSha512Crypt, verifySha512Crypt } from './sha512-crypt.js';

/** A kept password that can be checked. */
export interface KeptPassword {
  readonly scheme: 'argon2' | 'bcrypt' | 'derived-key' | 'sha512-crypt';
  /** Whether a new one would be kept the same way. */
  readonly isOfToday: boolean;
  verify(password: string): Promise<boolean>;
}

/**
 * Reads what a directory keeps: argon2id (also i and d), bcrypt, scrypt, PBKDF2, SHA-512-crypt; a scheme in braces as
 * Dovecot and LDAP write it may stand in front. `undefined` for anything else, and for what would take too long.
 */
export function readKeptPassword(text: string): KeptPassword | undefined {
  const hash = text.replace(/^\{[A-Za-z0-9_.-]{1,32}\}(?=\$)/, '');
  const argon2 = readArgon2(hash);
  if (argon2 !== undefined) {
    return { scheme: 'argon2', ...argon2, verify: (password) => verifyArgon2(hash, password) };
  }
  if (isBcrypt(hash)) return old('bcrypt', (password) => verifyBcrypt(hash, password));
  if (isSha512Crypt(hash)) return old('sha512-crypt', (password) => verifySha512Crypt(hash, password));
  if (isDerivedKey(hash)) return old('derived-key', (password) => verifyDerivedKey(hash, password));
  return undefined;
}

function old(scheme: KeptPassword['scheme'], verify: KeptPassword['verify']): KeptPassword {
  return { scheme, isOfToday: false, verify };
}
