/** The commands as the command line runs them. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandTerminal, PluginCommand } from '@postroad/core';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { mailboxCommands } from './commands.js';
import { type StoreLmdbConfig, storeLmdbConfig } from './config.js';
import { createStoreLmdb } from './open-store-lmdb.js';
import { messageNamed } from './test-kit.js';

let directory: string;
let config: StoreLmdbConfig;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postroad-commands-'));
  config = storeLmdbConfig.parse({ directory: join(directory, 'store') });
  const store = createStoreLmdb(config, { nowMs: () => 1_700_000_000_000 });
  for (let number = 0; number < 5; number++) {
    await store.file(messageNamed(`m-${number}`), [
      { accountId: 'alice', mailbox: { name: 'INBOX' }, flags: [] },
    ]);
  }
  await store.close();
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

async function run(
  name: string,
  args: Readonly<Record<string, string | boolean>>,
): Promise<readonly unknown[]> {
  const command = mailboxCommands.find((one) => one.name === name) as PluginCommand<StoreLmdbConfig>;
  const rows: unknown[] = [];
  const terminal: CommandTerminal = {
    isJson: true,
    isInteractive: false,
    print: () => undefined,
    result: (more) => rows.push(...more),
    askSecret: async () => '',
  };
  const call = () => Promise.reject(new Error('no server is asked'));
  await command.run({ config, args, terminal, call });
  return rows;
}

it('lists, exports, imports and checks', async () => {
  expect((await run('mailbox list', {}))[0]).toMatchObject({
    account: 'alice',
    mailbox: 'INBOX',
    messages: 5,
    unseen: 5,
  });
  const maildir = join(directory, 'maildir');
  const mbox = join(directory, 'mbox');
  const inbox = { account: 'alice', mailbox: 'inbox' };
  expect(await run('mailbox export', { ...inbox, path: maildir })).toEqual([
    { account: 'alice', mailbox: 'INBOX', exported: 5 },
  ]);
  await run('mailbox export', { ...inbox, path: mbox, format: 'mbox' });
  expect(await readdir(join(maildir, 'cur'))).toHaveLength(5);
  expect(await run('mailbox import', { account: 'bob', mailbox: 'old', path: maildir })).toMatchObject([
    { imported: 5, known: 0 },
  ]);
  expect(await run('mailbox import', { account: 'bob', mailbox: 'old', path: mbox })).toMatchObject([
    { imported: 0, known: 5 },
  ]);
  expect(await run('mailbox check', { contents: true })).toEqual([]);
});

it('makes no account for a slip of the pen', async () => {
  const slip = { account: 'alcie', mailbox: 'INBOX', path: join(directory, 'x') };
  await expect(run('mailbox list', { account: 'alcie' })).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  await expect(run('mailbox export', slip)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  await expect(run('mailbox export', { ...slip, account: 'alice', mailbox: 'nope' })).rejects.toMatchObject({
    code: 'E_NOT_FOUND',
  });
  await expect(run('mailbox export', { ...slip, account: 'alice', format: 'zip' })).rejects.toMatchObject({
    code: 'E_USAGE',
  });
  expect(await run('mailbox list', {})).toHaveLength(6);
});

it('brings the index of texts up to date, and tells how far it is', async () => {
  await expect(run('mailbox index', {})).rejects.toMatchObject({ code: 'E_USAGE' });
  config = { ...config, hasTextIndex: true };
  expect(await run('mailbox index', {})).toEqual([{ indexed: 5, all: 5 }]);
});
