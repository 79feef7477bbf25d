import { describe, expect, it } from 'vitest';
import { createDirectoryMemory, directoryMemory } from '../memory/directory-memory.js';
import { definePlugin } from '../plugin/define.js';
import { directoryContract } from '../testing/contracts/directory.js';
import { startTestDirectory } from '../testing/start-test-directory.js';
import { Directory } from './directory.js';
import { chainDirectories } from './directory-chain.js';

directoryContract('a chain of directories', async (accounts) => {
  const own = accounts.map(({ addresses: [address = '', ...addresses], ...rest }) => ({
    ...rest,
    address,
    addresses,
  }));
  // Every second account is in the second directory.
  const halves = [0, 1].map((half) =>
    createDirectoryMemory(
      own.filter((_one, at) => at % 2 === half),
      ['SHA-256'],
    ),
  );
  return { directory: chainDirectories(halves), close: async () => {} };
});

function broken(): Directory {
  const fail = () => Promise.reject(new Error('down'));
  return { ...createDirectoryMemory([]), verifyPassword: fail, byId: fail, byAddress: fail, byLogin: fail };
}

describe('a chain of directories', () => {
  const alice = { address: 'alice@example.org', password: 'first', id: 'alice' };
  const bob = { address: 'bob@example.org', password: 'bob', id: 'bob' };
  const address = { localPart: 'alice', domain: 'example.org' };

  it('does not let a later one have the id, the login or the address of an earlier one', async () => {
    const second = createDirectoryMemory([
      { address: 'other@example.org', login: 'x', password: 'second', id: 'alice' },
      { address: 'more@example.org', login: 'ALICE@example.org', password: 'second', id: 'other' },
      bob,
    ]);
    const chain = chainDirectories([createDirectoryMemory([{ ...alice, isDisabled: true }]), second]);
    expect(await chain.verifyPassword('x', 'second')).toBeUndefined();
    expect(await chain.verifyPassword('alice@example.org', 'second')).toBeUndefined();
    expect(await chain.byAddress({ localPart: 'other', domain: 'example.org' })).toBeUndefined();
    expect(await chain.verifyPassword('bob@example.org', 'bob')).toMatchObject({ id: 'bob' });
    const ids: string[] = [];
    for await (const { id } of chain.list()) ids.push(id);
    expect(ids).toEqual(['alice', 'bob', 'other']);
  });

  it('defers when an earlier one can not tell, and not when a later one can not', async () => {
    const good = createDirectoryMemory([alice]);
    const after = chainDirectories([good, broken()]);
    expect(await after.verifyPassword('alice@example.org', 'first')).toMatchObject({ id: 'alice' });
    expect(await after.byAddress(address)).toMatchObject({ id: 'alice' });
    await expect(after.verifyPassword('alice@example.org', 'wrong')).rejects.toThrow('down');
    const before = chainDirectories([broken(), good]);
    await expect(before.verifyPassword('alice@example.org', 'first')).rejects.toThrow('down');
    await expect(before.byAddress(address)).rejects.toThrow('down');
  });

  it('has SCRAM when one of them has', async () => {
    const plain = createDirectoryMemory([bob]);
    const chain = chainDirectories([plain, createDirectoryMemory([alice], ['SHA-256'])]);
    expect(chain.scram?.hashes).toEqual(['SHA-256']);
    expect(await chain.scram?.keys('alice@example.org', 'SHA-256')).toMatchObject({
      account: { id: 'alice' },
    });
    expect(await chain.scram?.keys('bob@example.org', 'SHA-256')).toBeUndefined();
    expect(chainDirectories([plain]).scram).toBeUndefined();
  });

  it('is made of all plugins that provide one, in the order of the composition', async () => {
    const second = definePlugin({
      name: 'auth-second',
      provides: [Directory],
      setup({ provide }) {
        provide(Directory, createDirectoryMemory([bob, { ...alice, password: 'second' }]));
      },
    });
    const { directory, mta, close } = await startTestDirectory(
      directoryMemory({ accounts: [alice] }),
      second(),
    );
    try {
      expect(await directory.verifyPassword('bob@example.org', 'bob')).toMatchObject({ id: 'bob' });
      expect(await directory.verifyPassword('alice@example.org', 'first')).toMatchObject({ id: 'alice' });
      expect(await directory.verifyPassword('alice@example.org', 'second')).toBeUndefined();
      expect(mta.mta.explain().services).toContainEqual(
        expect.objectContaining({ token: 'core.directory', provider: 'directory-memory, auth-second' }),
      );
    } finally {
      await close();
    }
  });
});
