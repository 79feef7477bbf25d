/** The contract suite that every `Directory` passes. A directory's own test is a call of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Directory } from '../../services/directory.js';
import { parseAddress } from '../../values/address.js';
import type { Account } from '../../values/identity.js';

/** An account that the suite asks for. The first address is the main one. */
export interface ContractAccount {
  readonly id: string;
  readonly login: string;
  readonly password: string;
  readonly addresses: readonly string[];
  readonly isDisabled?: boolean;
  readonly quotaBytes?: number;
  /** The protocols it may log in with; all when absent. */
  readonly protocols?: readonly string[];
}

/** A directory that holds exactly the accounts asked for. */
export interface OpenDirectory {
  readonly directory: Directory;
  close(): Promise<void>;
}

const accounts: readonly ContractAccount[] = [
  {
    id: 'bob-1',
    login: 'Bob@example.org',
    password: 'builder',
    addresses: ['bob@example.org', 'robert@example.com', '"b o b"@example.org'],
    quotaBytes: 1_000_000,
    protocols: ['imap', 'smtp'],
  },
  {
    id: 'alice-1',
    login: 'alice',
    password: 'wønder land',
    addresses: ['Alice@example.org', 'jörg@bücher.example'],
  },
  { id: 'carol-1', login: 'carol', password: 'gone', addresses: ['carol@example.org'], isDisabled: true },
];

/** Runs the suite with vitest. `open` makes a directory with these accounts; the suite closes it. */
export function directoryContract(
  name: string,
  open: (accounts: readonly ContractAccount[]) => Promise<OpenDirectory>,
): void {
  describe(`${name} as a Directory`, () => {
    let opened: OpenDirectory;
    beforeAll(async () => {
      opened = await open(accounts);
    });
    afterAll(async () => {
      await opened.close();
    });
    logins(() => opened.directory);
    lookUps(() => opened.directory);
  });
}

function logins(directory: () => Directory): void {
  it('gives the account for the right password', async () => {
    const account = await directory().verifyPassword('alice', 'wønder land');
    expect(account).toMatchObject({ id: 'alice-1', login: 'alice', isDisabled: false });
    expect(await directory().verifyPassword('alice', 'wønder land'), 'a second time').toEqual(account);
  });

  it('ignores the case of the login, and spells it its own way', async () => {
    const account = await directory().verifyPassword('BOB@EXAMPLE.ORG', 'builder');
    expect(account).toMatchObject({ id: 'bob-1', login: 'Bob@example.org', quotaBytes: 1_000_000 });
  });

  it.each([
    ['a wrong password', 'alice', 'wonder land'],
    ['an empty password', 'alice', ''],
    ['another case of the password', 'bob@example.org', 'Builder'],
    ["somebody else's password", 'alice', 'builder'],
    ['an unknown login', 'mallory', 'builder'],
    ['an empty login', '', 'builder'],
    ['a disabled account', 'carol', 'gone'],
    ['a password with more behind it', 'alice', 'wønder land\u0000'],
    ['a login with more behind it', 'alice\u0000', 'wønder land'],
    ['a property name as login', '__proto__', 'builder'],
    ['a very long login', 'a'.repeat(100_000), 'builder'],
    ['a very long password', 'alice', 'a'.repeat(100_000)],
  ])('gives nothing for %s', async (_what, login, password) => {
    expect(await directory().verifyPassword(login, password)).toBeUndefined();
  });

  it('answers many logins at once, each with its own account', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        index % 2 === 0
          ? directory().verifyPassword('alice', 'wønder land')
          : directory().verifyPassword('bob@example.org', index === 3 ? 'wrong' : 'builder'),
      ),
    );
    expect(answers.map((account) => account?.id)).toEqual([
      'alice-1',
      'bob-1',
      'alice-1',
      undefined,
      'alice-1',
      'bob-1',
      'alice-1',
      'bob-1',
    ]);
  });
}

function lookUps(directory: () => Directory): void {
  it.each([
    ['bob@example.org', 'bob-1'],
    ['ROBERT@example.com', 'bob-1'],
    ['"b o b"@example.org', 'bob-1'],
    ['alice@EXAMPLE.org', 'alice-1'],
    ['JÖRG@bücher.example', 'alice-1'],
    ['jörg@xn--bcher-kva.example', 'alice-1'],
    ['carol@example.org', 'carol-1'],
    ['alice@example.com', undefined],
    ['alice+tag@example.org', undefined],
    ['nobody@example.org', undefined],
  ])('finds who has the address %s: %s', async (text, id) => {
    expect((await directory().byAddress(address(text)))?.id).toBe(id);
  });

  it('gives all addresses, the main one first', async () => {
    const account = (await directory().byId('bob-1')) as Account;
    expect(account.addresses).toEqual([
      { localPart: 'bob', domain: 'example.org' },
      { localPart: 'robert', domain: 'example.com' },
      { localPart: 'b o b', domain: 'example.org' },
    ]);
  });

  it('finds by id, also a disabled account, and nothing for an unknown id', async () => {
    expect(await directory().byId('carol-1')).toMatchObject({ login: 'carol', isDisabled: true });
    expect(await directory().byId('alice')).toBeUndefined();
    expect(await directory().byId('ALICE-1')).toBeUndefined();
  });

  it('finds by login, when it can', async () => {
    const { byLogin } = directory();
    if (byLogin === undefined) return;
    expect(await directory().byLogin?.('bob@EXAMPLE.org')).toMatchObject({ id: 'bob-1' });
    expect(await directory().byLogin?.('carol')).toMatchObject({ id: 'carol-1', isDisabled: true });
    expect(await directory().byLogin?.('mallory')).toBeUndefined();
    expect(await directory().byLogin?.('')).toBeUndefined();
  });

  it('has no SCRAM keys for who is unknown or disabled, when it has any', async () => {
    const { scram } = directory();
    if (scram === undefined) return;
    expect(scram.secret.length).toBeGreaterThanOrEqual(32);
    expect(scram.iterations).toBeGreaterThanOrEqual(4_096);
    for (const hash of scram.hashes) {
      for (const login of ['mallory', 'carol', '', '__proto__']) {
        expect(await scram.keys(login, hash), `${login} ${hash}`).toBeUndefined();
      }
    }
  });

  it('leaves the quota out when there is none', async () => {
    expect(await directory().byId('alice-1')).not.toHaveProperty('quotaBytes');
  });

  it('tells the protocols that an account is limited to, and none when it is not', async () => {
    const limited = await directory().verifyPassword('bob@example.org', 'builder');
    expect([...(limited?.protocols ?? [])].sort()).toEqual(['imap', 'smtp']);
    for (const found of [
      await directory().byId('bob-1'),
      await directory().byAddress(address('bob@example.org')),
    ])
      expect(found?.protocols).toEqual(limited?.protocols);
    expect(await directory().byId('alice-1')).not.toHaveProperty('protocols');
  });

  it('lists all accounts in order of id', async () => {
    const ids: string[] = [];
    for await (const account of directory().list()) ids.push(account.id);
    expect(ids).toEqual(['alice-1', 'bob-1', 'carol-1']);
  });
}

function address(text: string) {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(`not an address: ${text}`);
  return parsed;
}
