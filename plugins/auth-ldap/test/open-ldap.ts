/** The directory over a slapd of its own, and how its entries say what an account is. */
import { addressQuestion, parseAddress } from '@postroad/core';
import { type ContractAccount, startTestDirectory, type TestDirectory } from '@postroad/core/testing';
import { type AuthLdapOptions, authLdap } from '../src/index.js';
import { manager, type Slapd } from './slapd.js';

/** Addresses are in attributes that take UTF-8; `mail` takes ASCII only. */
export function ldifOf(accounts: readonly ContractAccount[]): string {
  const b64 = (text: string) => Buffer.from(text).toString('base64');
  const suffix =
    'dn: dc=example\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n';
  const entries = accounts.map((account) => {
    const { id, login, password, addresses, isDisabled, quotaBytes, protocols = [] } = account;
    const [main = '', ...others] = addresses;
    const keys = addresses.map((address) => {
      const parsed = parseAddress(address);
      return parsed === undefined ? address : addressQuestion(parsed);
    });
    return [
      `dn: uid=${login},dc=example`,
      ...['objectClass: inetOrgPerson', `uid: ${login}`, `cn: ${id}`, `sn: ${id}`],
      `userPassword:: ${b64(password)}`,
      `displayName:: ${b64(main)}`,
      ...[...new Set([...others, ...keys])].map((address) => `description:: ${b64(address)}`),
      ...(isDisabled === true ? ['employeeType: TRUE'] : []),
      ...(quotaBytes === undefined ? [] : [`employeeNumber: ${quotaBytes}`]),
      ...protocols.map((protocol) => `departmentNumber: ${protocol}`),
      '',
    ].join('\n');
  });
  return [suffix, ...entries].join('\n');
}

/** The attributes of the entries that `ldifOf` makes. */
export const mapping = {
  base: 'dc=example',
  filters: {
    login: '(&(objectClass=inetOrgPerson)(uid={login}))',
    address: '(&(objectClass=inetOrgPerson)(|(displayName={address})(description={address})))',
    id: '(&(objectClass=inetOrgPerson)(cn={id}))',
  },
  attributes: {
    id: 'cn',
    addresses: ['displayName', 'description'],
    disabled: 'employeeType',
    quotaBytes: 'employeeNumber',
    protocols: 'departmentNumber',
    applicationPasswords: 'carLicense',
  },
} as const;

/** The directory of the plugin in a server. */
export const open = (options: AuthLdapOptions): Promise<TestDirectory> =>
  startTestDirectory(authLdap(options));

/** For that server, with other options where they are given. */
export function optionsFor(slapd: Slapd, more: Partial<AuthLdapOptions> = {}): AuthLdapOptions {
  return { urls: [slapd.url], tlsCa: slapd.certificate, ...manager, ...mapping, ...more };
}
