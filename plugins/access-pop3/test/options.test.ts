import { directoryMemory } from '@postroad/core';
import { startTestMta } from '@postroad/core/testing';
import { describe, expect, it } from 'vitest';
import { accessPop3 } from '../src/index.js';

describe('the options of access-pop3', () => {
  const validate = (options: unknown) => accessPop3.definition.config?.['~standard'].validate(options);

  it.each([
    [{}, ['port']],
    [{ port: 1, listen: [{ port: 2 }] }, ['port']],
    [{ port: 1, plaintextAuth: true }, ['plaintextAuth']],
    [{ port: 1, host: '192.0.2.1', plaintextAuth: true }, ['plaintextAuth']],
    [{ listen: [{ port: 1, host: '0.0.0.0', plaintextAuth: true }] }, ['listen', 0, 'plaintextAuth']],
    [{ port: 1, prot: 2 }, []],
    [{ port: 1, limits: { idleTimeoutMs: 0 } }, ['limits', 'idleTimeoutMs']],
  ])('refuse %j', async (options, path) => {
    expect((await validate(options))?.issues?.[0]?.path).toEqual(path);
  });

  it('allow passwords without TLS on loopback', async () => {
    expect((await validate({ port: 1, host: '127.0.0.1', plaintextAuth: true }))?.issues).toBeUndefined();
  });

  it('refuse the start of a port on which nobody could log in', async () => {
    const start = startTestMta({
      listeners: [],
      plugins: [directoryMemory({ accounts: [] }), accessPop3({ port: 0, host: '127.0.0.1' })],
    });
    await expect(start).rejects.toThrow(/needs a certificate/);
  });
});
