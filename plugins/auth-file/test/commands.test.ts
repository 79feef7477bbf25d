import { join } from 'node:path';
import type { CommandTerminal } from '@postroad/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { authFile } from '../src/index.js';
import { openDirectory, temporaryFolder } from './open-directory.js';

describe('postroad user', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let file: string;
  beforeEach(async () => {
    folder = await temporaryFolder();
    file = join(folder.path, 'users');
  });
  afterEach(() => folder.remove());

  async function run(
    name: string,
    args: Record<string, string>,
    given: Partial<CommandTerminal> & { secrets?: string[] } = {},
  ) {
    const printed: string[] = [];
    const rows: Readonly<Record<string, unknown>>[] = [];
    const secrets = [...(given.secrets ?? [])];
    const terminal: CommandTerminal = {
      isJson: given.isJson ?? false,
      isInteractive: given.isInteractive ?? false,
      print: (line) => printed.push(line),
      result: (more) => rows.push(...more),
      askSecret: async () => secrets.shift() ?? '',
    };
    const command = authFile.definition.commands?.find((candidate) => candidate.name === name);
    const config = { file, scram: [], scramIterations: 4_096 };
    const call = () => Promise.reject(new Error('no server is asked'));
    await command?.run({ config: config as never, args, terminal, call });
    return { printed, rows, secretsLeft: secrets.length };
  }

  it('adds, lists, changes and removes an account', async () => {
    const added = await run(
      'user add',
      { login: 'alice@example.org', quota: '1G' },
      { secrets: ['wonderland'] },
    );
    expect(added.printed[0]).toMatch(/^alice@example\.org added \(id alice-/);
    const { rows } = await run('user list', {}, { isJson: true });
    expect(rows).toMatchObject([
      { login: 'alice@example.org', addresses: ['alice@example.org'], disabled: false, quotaBytes: 2 ** 30 },
    ]);
    expect(JSON.stringify(rows)).not.toContain('argon2');
    await run('user passwd', { login: 'alice@example.org' }, { secrets: ['looking-glass'] });
    const opened = await openDirectory(file);
    expect(await opened.directory.verifyPassword('alice@example.org', 'looking-glass')).toBeDefined();
    opened.close();
    await run('user disable', { login: 'alice@example.org' });
    expect((await run('user list', {})).rows).toMatchObject([{ state: 'disabled' }]);
    await run('user enable', { login: 'alice@example.org' });
    expect((await run('user list', {})).rows).toMatchObject([{ state: 'active' }]);
    await run('user remove', { login: 'alice@example.org' });
    expect((await run('user list', {})).printed).toEqual(['There are no accounts.']);
  });

  it('asks twice on a terminal, and refuses two that differ', async () => {
    const twice = { isInteractive: true, secrets: ['wonderland', 'wonderland'] };
    expect((await run('user add', { login: 'alice@example.org' }, twice)).secretsLeft).toBe(0);
    const differ = { isInteractive: true, secrets: ['wonderland', 'wunderland'] };
    await expect(run('user passwd', { login: 'alice@example.org' }, differ)).rejects.toMatchObject({
      code: 'E_USAGE',
    });
    await expect(run('user add', { login: 'bob@example.org' }, { secrets: [''] })).rejects.toThrow(/empty/);
  });

  it('takes several addresses', async () => {
    const addresses = 'bob@example.org, robert@example.org';
    const { rows } = await run(
      'user add',
      { login: 'bob', addresses },
      { isJson: true, secrets: ['builder'] },
    );
    expect(rows).toMatchObject([{ login: 'bob', addresses: ['bob@example.org', 'robert@example.org'] }]);
  });

  it('says what its options are', async () => {
    const schema = authFile.definition.config?.['~standard'];
    expect(await schema?.validate({ file: '/etc/users' })).toEqual({
      value: {
        file: '/etc/users',
        cacheEntriesMax: 10_000,
        cacheMs: 300_000,
        waitingMax: 1_000,
        scram: [],
        scramIterations: 10_000,
        renewPasswords: true,
      },
    });
    expect((await schema?.validate({ file: '/etc/users', fiel: 1 }))?.issues).toHaveLength(1);
  });
});
