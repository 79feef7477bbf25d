import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CommandTerminal, connectControl, directoryMemory } from '@postroad/core';
import { startTestMta } from '@postroad/core/testing';
import { expect, it } from 'vitest';
import { checkLoginAbuse } from '../src/index.js';

it('postroad ban list, add and remove ask the running server', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-ban-'));
  const socket = join(folder, 'control');
  const mta = await startTestMta({
    listeners: [],
    control: { socket },
    plugins: [directoryMemory({ accounts: [] }), checkLoginAbuse({})],
  });
  const client = await connectControl(socket);
  const run = async (name: string, args: Readonly<Record<string, string>>, isJson = false) => {
    const printed: unknown[] = [];
    const terminal: CommandTerminal = {
      isJson,
      isInteractive: false,
      print: (line) => printed.push(line),
      result: (rows) => printed.push(...rows),
      askSecret: async () => '',
    };
    const command = checkLoginAbuse.definition.commands?.find((one) => one.name === name);
    await command?.run({
      config: undefined as never,
      args,
      terminal,
      call: (asked, given) => client.call('plugin', { plugin: 'check-login-abuse', command: asked, given }),
    });
    return printed;
  };
  try {
    expect(await run('ban list', {})).toEqual(['Nobody is banned.']);
    expect(await run('ban add', { target: '2001:db8::7', for: '2d', reason: 'known for it' })).toEqual([
      expect.stringMatching(/^2001:db8::\/64 may not log in until 2\d{3}-/),
    ]);
    await run('ban add', { target: 'alice' });
    expect(await run('ban list', {}, true)).toMatchObject([
      { scope: 'address', value: '2001:db8::/64', reason: 'known for it', until: expect.any(Number) },
      { scope: 'account', value: 'alice', reason: 'banned by the operator' },
    ]);
    expect(await run('ban remove', { target: '2001:db8::1' })).toEqual(['2001:db8::/64 may log in again']);
    await expect(run('ban remove', { target: '2001:db8::1' })).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    await expect(client.call('plugin', { plugin: 'check-login-abuse', command: 'x' })).rejects.toMatchObject({
      code: 'E_USAGE',
    });
  } finally {
    client.close();
    await client.closed;
    await mta.stop();
    await rm(folder, { recursive: true, force: true });
  }
});
