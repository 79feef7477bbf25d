/** Whose account credentials prove, kind by kind, and whether it may log in here. */
import type { ConnectionState } from '../context/connection.js';
import type { BearerTokens } from '../services/bearer-tokens.js';
import type { Directory } from '../services/directory.js';
import { formatAddress, parseAddress } from '../values/address.js';
import type { Account, BearerCredentials, CertificateCredentials, Credentials } from '../values/identity.js';

/** The account, or why not; the reason is for the log alone. */
export type Proof =
  | { readonly status: 'proven'; readonly account: Account }
  | { readonly status: 'refused'; readonly reason: string };

/** Throws when it can't be told for now. */
export async function proveAccount(
  connection: ConnectionState,
  credentials: Credentials,
  directory: Directory | undefined,
  tokens: BearerTokens | undefined,
): Promise<Proof> {
  if (directory === undefined) return refused('there is no directory');
  const account = await accountOf(connection, credentials, directory, tokens);
  if (account === undefined) return refused('not proven');
  if (account.isDisabled) return refused('the account is disabled');
  if (account.protocols !== undefined && !account.protocols.includes(connection.protocol)) {
    return refused(`the account or this password may not use ${connection.protocol}`);
  }
  if (!isSelf(credentials.authorizationId, account, credentials.login)) {
    return refused('nobody acts for another');
  }
  return { status: 'proven', account };
}

function accountOf(
  connection: ConnectionState,
  credentials: Credentials,
  directory: Directory,
  tokens: BearerTokens | undefined,
): Promise<Account | undefined> {
  switch (credentials.kind) {
    case 'password':
      return directory.verifyPassword(credentials.login, credentials.password, connection.signal);
    case 'scram':
      return Promise.resolve(credentials.provenAccount);
    case 'bearer':
      return ofToken(credentials, connection, directory, tokens);
    case 'certificate':
      return ofCertificate(credentials, connection, directory);
  }
}

/** The account that the token speaks for; a name that the client gives beside it must be of the same one. */
async function ofToken(
  { token, login }: BearerCredentials,
  { signal }: ConnectionState,
  directory: Directory,
  tokens: BearerTokens | undefined,
): Promise<Account | undefined> {
  const subject = await tokens?.subjectOf(token, signal);
  if (subject === undefined) return undefined;
  const account = await accountNamed(directory, subject, signal);
  return account !== undefined && isSelf(login, account, '') ? account : undefined;
}

/** The account that one of the certificate's addresses belongs to; with several the client says which it means. */
async function ofCertificate(
  { certificate, authorizationId }: CertificateCredentials,
  { signal }: ConnectionState,
  directory: Directory,
): Promise<Account | undefined> {
  for (const email of certificate.emails) {
    const address = parseAddress(email);
    const account = address === undefined ? undefined : await directory.byAddress(address, signal);
    if (account !== undefined && isSelf(authorizationId, account, '')) return account;
  }
  return undefined;
}

/** The account that a name to log in with, or one of its addresses, belongs to. */
export async function accountNamed(
  directory: Directory,
  name: string,
  signal: AbortSignal,
): Promise<Account | undefined> {
  const account = await directory.byLogin?.(name, signal);
  if (account !== undefined) return account;
  const address = parseAddress(name);
  return address === undefined ? undefined : directory.byAddress(address, signal);
}

/** Whether the account is one that may use the protocol. */
export function mayUse(account: Account, protocol: string): boolean {
  return !account.isDisabled && account.protocols?.includes(protocol) !== false;
}

/** RFC 4616 section 2, RFC 4422 section 3.4.1: nobody acts for another here; one may call oneself by any of one's names. */
function isSelf(name: string, account: Account, loginName: string): boolean {
  const wanted = name.toLowerCase();
  if (wanted === '' || wanted === account.login.toLowerCase() || wanted === loginName.toLowerCase())
    return true;
  return account.addresses.some((address) => formatAddress(address).toLowerCase() === wanted);
}

function refused(reason: string): Proof {
  return { status: 'refused', reason };
}
