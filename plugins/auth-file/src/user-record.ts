/** One account as a line of the users file: JSON, so that quoting is never in doubt, and readable as it is. */
import {
  type Account,
  type ApplicationPassword,
  accountIdPattern,
  addressKey,
  applicationPasswordsMax,
  formatAddress,
  formatScramKeys,
  isApplicationName,
  isLogin,
  type MailAddress,
  parseAddress,
  parseQuota,
  parseScramKeys,
  protocolPattern,
  readKeptPassword,
  type ScramHash,
  type ScramKeys,
} from '@postroad/core';
import { z } from 'zod';

/** An account with what the file alone knows of it. */
export interface UserRecord {
  readonly account: Account;
  /** A hash; without one nobody can log in with the main password, but the addresses receive mail. */
  readonly passwordHash: string | undefined;
  readonly scram: ReadonlyMap<ScramHash, ScramKeys>;
  readonly applicationPasswords: readonly ApplicationPassword[];
  /** The quota as the operator wrote it. */
  readonly quota: number | string | undefined;
}

const protocolsSchema = z
  .array(z.string().regex(protocolPattern, 'a protocol is such as imap, pop3, smtp'))
  .max(20);

const lineSchema = z.strictObject({
  login: z.string().refine(isLogin, 'not a login: 1 to 255 octets without control characters'),
  id: z.string().regex(accountIdPattern, 'an id has letters, digits and . _ - @ + only').optional(),
  addresses: z
    .array(z.string().refine((text) => parseAddress(text) !== undefined, 'not a mail address'))
    .optional(),
  password: z
    .string()
    .refine(
      (text) => readKeptPassword(text) !== undefined,
      'not a hash of argon2, bcrypt, scrypt, PBKDF2 or SHA-512-crypt; set it with `postroad user passwd`',
    )
    .optional(),
  scram: z
    .array(z.string().refine((text) => parseScramKeys(text) !== undefined, 'not SCRAM keys'))
    .max(2)
    .optional(),
  applicationPasswords: z
    .array(
      z.strictObject({
        name: z.string().refine(isApplicationName, 'a name has 1 to 64 characters, no control characters'),
        sha256: z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'not a SHA-256 digest in base64url'),
        protocols: protocolsSchema.optional(),
      }),
    )
    .max(applicationPasswordsMax)
    .optional(),
  protocols: protocolsSchema.optional(),
  quota: z
    .union([z.number(), z.string()])
    .refine((quota) => parseQuota(quota) !== undefined, 'not a quota, such as 500M or 2G')
    .optional(),
  disabled: z.boolean().optional(),
});

/** Reads a line; the text of what is wrong when it is not an account. */
export function parseUserLine(line: string): UserRecord | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    return `not JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
  const parsed = lineSchema.safeParse(value);
  if (!parsed.success) {
    return parsed.error.issues
      .map((issue) => `${issue.path.join('.') || 'line'}: ${issue.message}`)
      .join('; ');
  }
  const { login, password, quota, disabled, protocols, scram = [], applicationPasswords = [] } = parsed.data;
  const addresses = addressesOf(login, parsed.data.addresses);
  if (addresses === undefined) return 'addresses: the login is no mail address, so at least one is needed';
  const id = parsed.data.id ?? login.toLowerCase();
  if (!/^[A-Za-z0-9._\-@+]+$/.test(id)) return 'id: needed, because the login can not be one';
  const quotaBytes = quota === undefined ? undefined : parseQuota(quota);
  return {
    account: {
      id,
      login,
      addresses,
      isDisabled: disabled === true,
      ...(quotaBytes === undefined ? {} : { quotaBytes }),
      ...(protocols === undefined ? {} : { protocols }),
    },
    passwordHash: password,
    scram: scramOf(scram),
    applicationPasswords,
    quota,
  };
}

/** Writes the line, without line end. */
export function formatUserLine(user: UserRecord): string {
  const { account } = user;
  return JSON.stringify({
    login: account.login,
    id: account.id,
    addresses: account.addresses.map(formatAddress),
    ...(user.quota === undefined ? {} : { quota: user.quota }),
    ...(account.isDisabled ? { disabled: true } : {}),
    ...(account.protocols === undefined ? {} : { protocols: account.protocols }),
    ...(user.passwordHash === undefined ? {} : { password: user.passwordHash }),
    ...(user.scram.size === 0
      ? {}
      : { scram: [...user.scram].map(([hash, keys]) => formatScramKeys(hash, keys)) }),
    ...(user.applicationPasswords.length === 0 ? {} : { applicationPasswords: user.applicationPasswords }),
  });
}

function scramOf(texts: readonly string[]): ReadonlyMap<ScramHash, ScramKeys> {
  const read = texts.flatMap((text) => parseScramKeys(text) ?? []);
  return new Map(read.map(({ hash, keys }) => [hash, keys]));
}

function addressesOf(
  login: string,
  texts: readonly string[] | undefined,
): readonly MailAddress[] | undefined {
  const given = texts ?? [login];
  const addresses = new Map<string, MailAddress>();
  for (const text of given) {
    const address = parseAddress(text);
    if (address === undefined) return undefined;
    addresses.set(addressKey(address), address);
  }
  return addresses.size === 0 ? undefined : [...addresses.values()];
}
