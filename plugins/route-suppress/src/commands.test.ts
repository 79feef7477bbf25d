import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandTerminal } from '@postroad/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { suppressionCommands } from './commands.js';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postroad-suppression-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** What a command prints: lines, and rows as JSON. */
async function run(name: string, args: Readonly<Record<string, string>> = {}, isJson = false) {
  const printed: string[] = [];
  const terminal: CommandTerminal = {
    isJson,
    isInteractive: false,
    print: (line) => void printed.push(line),
    result: (rows) => void printed.push(...rows.map((row) => JSON.stringify(row))),
    askSecret: async () => '',
  };
  const command = suppressionCommands.find((one) => one.name === `suppression ${name}`);
  const config = {
    file: join(directory, 'suppressed'),
    addressMs: 90 * 86_400_000,
    exhaustedMs: 1,
    exhaustedMax: 3,
    complaintMs: 1,
    entriesMax: 100,
  };
  await command?.run({ config, args, terminal, call: async () => undefined });
  return printed;
}

test('say what they have done, and list a part', async () => {
  expect(await run('list')).toEqual(['Nothing is suppressed.']);
  expect(await run('list', {}, true)).toEqual([]);
  expect(await run('add', { address: 'U1@big.example', reason: 'asked us', days: '2' })).toEqual([
    expect.stringMatching(/^Not sent to any more: u1@big\.example, until \d{4}-\d\d-\d\d\.$/i),
  ]);
  await run('add', { address: 'u2@big.example', reason: 'no such user' });
  const [added = ''] = await run('add', { address: 'u3@far.example', reason: 'asked us' }, true);
  const { since, until } = JSON.parse(added) as Record<string, string>;
  expect(Date.parse(until ?? '') - Date.parse(since ?? '')).toBe(90 * 86_400_000);
  expect(await run('list')).toHaveLength(3);
  expect(await run('list', { match: 'BIG.example' })).toHaveLength(2);
  expect(await run('list', { match: 'asked', limit: '1' })).toEqual([
    expect.stringContaining('u3@far.example'),
  ]);
  expect(await run('list', { match: 'nobody' })).toEqual(['Nothing that is suppressed matches.']);
  expect(await run('remove', { address: 'u3@far.example' })).toEqual(['Sent to again: u3@far.example.']);
  expect(await run('list')).toHaveLength(2);
});

test('refuse what they can not do', async () => {
  await expect(run('add', { address: 'nonsense' })).rejects.toMatchObject({ code: 'E_USAGE' });
  await expect(run('add', { address: 'a@b.test', days: '-1' })).rejects.toMatchObject({ code: 'E_USAGE' });
  await expect(run('add', { address: 'a@b.test', days: '99999' })).rejects.toMatchObject({ code: 'E_USAGE' });
  await expect(run('list', { limit: 'x' })).rejects.toMatchObject({ code: 'E_USAGE' });
  await expect(run('remove', { address: 'a@b.test' })).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
});
