import { renameSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { directoryContract } from '@postroad/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { usersFile } from '../src/users-file.js';
import { handClock, keepingLog, openDirectory, temporaryFolder } from './open-directory.js';

directoryContract('auth-file', async (accounts) => {
  const folder = await temporaryFolder();
  const file = join(folder.path, 'users');
  for (const { isDisabled, quotaBytes, ...user } of accounts) {
    await usersFile(file).add({ ...user, ...(quotaBytes === undefined ? {} : { quota: quotaBytes }) });
    if (isDisabled === true) await usersFile(file).setDisabled(user.login, true);
  }
  const opened = await openDirectory(file);
  return {
    directory: opened.directory,
    async close() {
      opened.close();
      await folder.remove();
    },
  };
});

describe('auth-file while it runs', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let file: string;
  beforeEach(async () => {
    folder = await temporaryFolder();
    file = join(folder.path, 'users');
    await usersFile(file).add({ login: 'alice@example.org', password: 'wonderland' });
  });
  afterEach(() => folder.remove());

  it('costs one hash for a wrong password, an unknown login, a disabled and a locked account', async () => {
    await usersFile(file).add({ login: 'carol@example.org', password: 'gone' });
    await usersFile(file).setDisabled('carol@example.org', true);
    await usersFile(file).add({ login: 'list@example.org' });
    const opened = await openDirectory(file);
    const wrong: [string, string][] = [
      ['alice@example.org', 'wrong'],
      ['nobody', 'wonderland'],
      ['carol@example.org', 'gone'],
      ['list@example.org', 'x'],
      ['alice@example.org', ''],
      ['alice@example.org\u0000', 'wonderland'],
    ];
    for (const [index, [login, password]] of wrong.entries()) {
      expect(await opened.directory.verifyPassword(login, password)).toBeUndefined();
      expect(opened.hashes()).toBe(index + 1);
    }
    opened.close();
  });

  it('remembers a right password for a while, and a wrong one never', async () => {
    const clock = handClock();
    const { directory, hashes, close } = await openDirectory(file, { clock });
    for (let i = 0; i < 3; i++)
      expect(await directory.verifyPassword('alice@example.org', 'wonderland')).toBeDefined();
    expect(hashes()).toBe(1);
    for (let i = 0; i < 2; i++)
      expect(await directory.verifyPassword('alice@example.org', 'wrong')).toBeUndefined();
    expect(hashes()).toBe(3);
    clock.move(1_001);
    expect(await directory.verifyPassword('alice@example.org', 'wonderland')).toBeDefined();
    expect(hashes()).toBe(4);
    close();
  });

  it('sees a new password at the next login and forgets the old one', async () => {
    const { directory, close } = await openDirectory(file);
    expect(await directory.verifyPassword('alice@example.org', 'wonderland')).toBeDefined();
    await usersFile(file).setPassword('alice@example.org', 'looking-glass');
    expect(await directory.verifyPassword('alice@example.org', 'wonderland')).toBeUndefined();
    expect(await directory.verifyPassword('alice@example.org', 'looking-glass')).toBeDefined();
    await usersFile(file).setDisabled('alice@example.org', true);
    expect(await directory.verifyPassword('alice@example.org', 'looking-glass')).toBeUndefined();
    await usersFile(file).setDisabled('alice@example.org', false);
    expect(await directory.verifyPassword('alice@example.org', 'looking-glass')).toBeDefined();
    close();
  });

  it('sees a file changed in place and one renamed over it', async () => {
    const clock = handClock();
    const { directory, close } = await openDirectory(file, { clock });
    await writeFile(file, '{"login":"bob@example.org"}\n');
    clock.move(1_000);
    expect(await directory.byAddress({ localPart: 'bob', domain: 'example.org' })).toBeDefined();
    await writeFile(`${file}.new`, '# moved\n\n{"login":"bea@example.org"}');
    await rename(`${file}.new`, file);
    clock.move(1_000);
    expect(await directory.byAddress({ localPart: 'bob', domain: 'example.org' })).toBeUndefined();
    expect(await directory.byId('bea@example.org')).toBeDefined();
    close();
  });

  it('looks again when the look under way began before the second was over', async () => {
    const clock = handClock();
    const { directory, close } = await openDirectory(file, { clock });
    await writeFile(`${file}.new`, '{"login":"bea@example.org"}\n');
    const underWay = directory.byLogin?.('bea@example.org');
    // Time for its question to the file system to be answered, while nobody hears the answer yet.
    const until = performance.now() + 20;
    while (performance.now() < until);
    renameSync(`${file}.new`, file);
    clock.move(1_000);
    expect(await directory.byAddress({ localPart: 'bea', domain: 'example.org' })).toBeDefined();
    await underWay;
    close();
  });

  it('is told of a change without being asked', async () => {
    const log = keepingLog();
    const { close } = await openDirectory(file, { log });
    await usersFile(file).add({ login: 'bob@example.org' });
    await expect.poll(() => log.lines.at(-1)?.fields?.accounts, { timeout: 10_000 }).toBe(2);
    close();
  });

  it.each([
    ['not JSON', 'nonsense\n', /line 1: not JSON/],
    ['an unknown key', '{"login":"a@example.org","pasword":"x"}\n', /line 1: .*pasword/],
    [
      'a password that is no hash',
      '#\n{"login":"a@example.org","password":"secret"}\n',
      /line 2: password: not a hash of argon2/,
    ],
    ['a login without address', '{"login":"a"}\n', /line 1: addresses/],
    [
      'a login twice',
      '{"login":"a@example.org"}\n{"login":"A@example.org","id":"b","addresses":["b@example.org"]}\n',
      /line 2: this login/,
    ],
    [
      'an address twice',
      '{"login":"a@example.org"}\n{"login":"b","addresses":["A@example.org"]}\n',
      /line 2: an address/,
    ],
    [
      'an id twice',
      '{"login":"a@example.org","id":"a"}\n{"login":"b@example.org","id":"a"}\n',
      /line 2: this id/,
    ],
    ['a quota that is none', '{"login":"a@example.org","quota":"lots"}\n', /line 1: quota/],
    ['nothing in it', '', /empty/],
  ])('keeps the last good state when the file has %s, and tells it once', async (_what, text, reason) => {
    const log = keepingLog();
    const { directory, close } = await openDirectory(file, { log });
    await writeFile(file, text);
    for (let i = 0; i < 3; i++)
      expect(await directory.verifyPassword('alice@example.org', 'wonderland')).toBeDefined();
    const errors = log.lines.filter((line) => line.level === 'error');
    // An editor's emptying and writing may be seen as two states; each is told once.
    expect(errors.length).toBeGreaterThan(0);
    expect(errors.length).toBeLessThan(3);
    expect(String(errors.at(-1)?.fields?.error)).toMatch(reason);
    expect(JSON.stringify(errors)).not.toContain('"secret"');
    await expect(openDirectory(file)).rejects.toThrow(reason);
    await writeFile(file, '{"login":"bob@example.org"}\n');
    expect(await directory.verifyPassword('alice@example.org', 'wonderland')).toBeUndefined();
    close();
  });

  it('keeps the last good state when the file is gone, and goes on when it is back', async () => {
    const { directory, close } = await openDirectory(file);
    const text = await readFile(file);
    await rm(file);
    expect(await directory.verifyPassword('alice@example.org', 'wonderland')).toBeDefined();
    await writeFile(file, text);
    expect(await directory.verifyPassword('alice@example.org', 'wonderland')).toBeDefined();
    close();
  });

  it('refuses to start without a file', async () => {
    await expect(openDirectory(join(folder.path, 'none'))).rejects.toMatchObject({ code: 'E_DIRECTORY' });
    await mkdir(join(folder.path, 'folder'));
    await expect(openDirectory(join(folder.path, 'folder'))).rejects.toMatchObject({ code: 'E_DIRECTORY' });
  });

  it('warns of a file that others can read', async () => {
    const log = keepingLog();
    await chmod(file, 0o644);
    (await openDirectory(file, { log })).close();
    expect(log.lines.map((line) => line.level)).toContain('warn');
  });

  it('puts logins off when too many wait, and honours the signal', async () => {
    const { directory, close } = await openDirectory(file, { waitingMax: 1 });
    const flood = await Promise.allSettled(
      Array.from({ length: 20 }, () => directory.verifyPassword('x', 'y')),
    );
    const refused = flood.filter((answer) => answer.status === 'rejected');
    expect(refused.length).toBeGreaterThan(5);
    expect(refused[0]).toMatchObject({ reason: { code: 'E_DIRECTORY' } });
    expect(await directory.verifyPassword('alice@example.org', 'wonderland'), 'afterwards').toBeDefined();
    await expect(
      directory.verifyPassword('alice@example.org', 'w', AbortSignal.abort(new Error('gone'))),
    ).rejects.toThrow('gone');
    close();
  });

  it('takes composed and decomposed passwords for the same', async () => {
    await usersFile(file).setPassword('alice@example.org', 'Zürich');
    const { directory, close } = await openDirectory(file);
    expect(await directory.verifyPassword('alice@example.org', 'Zu\u0308rich')).toBeDefined();
    close();
  });
});
