import { describe, expect, it } from 'vitest';
import { directoryContract } from '../testing/contracts/directory.js';
import { createDirectoryMemory, directoryMemory } from './directory-memory.js';

directoryContract('directory-memory', async (accounts) => ({
  directory: createDirectoryMemory(
    accounts.map(({ addresses: [address = '', ...addresses], ...rest }) => ({ ...rest, address, addresses })),
  ),
  close: async () => {},
}));

describe('directory-memory', () => {
  it('uses the address as login and id when nothing else is given', async () => {
    const directory = createDirectoryMemory([{ address: 'Alice@Example.org', password: 'wonderland' }]);
    const account = await directory.verifyPassword('alice@example.org', 'wonderland');
    expect(account).toMatchObject({ id: 'alice@example.org', login: 'Alice@Example.org' });
  });

  it('refuses an address that two accounts have', () => {
    const twice = [
      { address: 'alice@example.org', password: 'a' },
      { address: 'bob@example.org', password: 'b', addresses: ['ALICE@example.org'] },
    ];
    expect(() => createDirectoryMemory(twice)).toThrow(/two accounts/);
  });

  it('names the key that its options do not have', async () => {
    const schema = directoryMemory.definition.config?.['~standard'];
    const result = await schema?.validate({
      accounts: [{ address: 'a@b.example', password: 'x', pasword: 'y' }],
    });
    expect(result?.issues).toEqual([{ message: 'unknown key', path: ['accounts', 0, 'pasword'] }]);
  });
});
