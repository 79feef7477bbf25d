import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { usersFile } from '../src/users-file.js';
import { openDirectory, temporaryFolder } from './open-directory.js';

describe('the users file', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let file: string;
  beforeEach(async () => {
    folder = await temporaryFolder();
    file = join(folder.path, 'users');
  });
  afterEach(() => folder.remove());

  it('is made with mode 0600, and nothing is left beside it', async () => {
    expect(await usersFile(file).create()).toBe(true);
    expect(await usersFile(file).create()).toBe(false);
    await usersFile(file).add({ login: 'alice@example.org', password: 'wonderland' });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder.path)).toEqual(['users']);
    expect(await readFile(file, 'utf8')).toMatch(
      /^# Postroad users.*"password":"\$argon2id\$v=19\$m=19456,t=2,p=1\$/s,
    );
  });

  it('keeps comments, order and what it does not touch', async () => {
    const text =
      '# mine\n\n{ "login": "z@example.org" }\n  # indented\n{"login":"b@example.org","quota":"2G"}\n';
    await writeFile(file, text);
    await usersFile(file).setDisabled('B@example.org', true);
    const lines = (await readFile(file, 'utf8')).split('\n');
    expect(lines.slice(0, 4)).toEqual(text.split('\n').slice(0, 4));
    expect(JSON.parse(lines[4] ?? '')).toEqual({
      login: 'b@example.org',
      id: 'b@example.org',
      addresses: ['b@example.org'],
      quota: '2G',
      disabled: true,
    });
    await usersFile(file).setDisabled('b@example.org', false);
    expect((await usersFile(file).list()).map((account) => account.quotaBytes)).toEqual([2 ** 31, undefined]);
    await usersFile(file).remove('b@example.org');
    expect(await readFile(file, 'utf8')).toBe(text.split('\n').slice(0, 4).join('\n').concat('\n'));
  });

  it('gives an id that nobody had before', async () => {
    const first = await usersFile(file).add({ login: 'alice@example.org' });
    await usersFile(file).remove('alice@example.org');
    const second = await usersFile(file).add({ login: 'alice@example.org' });
    expect(first.id).toMatch(/^alice-[0-9a-z]{8}$/);
    expect(second.id).not.toBe(first.id);
  });

  it('refuses what can not be, and changes nothing', async () => {
    await usersFile(file).add({
      login: 'alice@example.org',
      addresses: ['alice@example.org', 'a@example.com'],
    });
    const before = await readFile(file, 'utf8');
    const add = (user: Parameters<ReturnType<typeof usersFile>['add']>[0]) => usersFile(file).add(user);
    await expect(add({ login: 'ALICE@example.org' })).rejects.toMatchObject({ code: 'E_USAGE' });
    await expect(add({ login: 'bob', addresses: ['A@example.com'] })).rejects.toThrow(/belongs to alice/);
    await expect(add({ login: 'bob' })).rejects.toThrow(/at least one/);
    await expect(add({ login: 'bob', addresses: ['bob@'] })).rejects.toThrow(/not a mail address: "bob@"/);
    await expect(add({ login: 'bob\n{}', addresses: ['b@example.org'] })).rejects.toThrow(/not a login/);
    await expect(add({ login: 'bob@example.org', quota: 'lots' })).rejects.toThrow(/quota/);
    await expect(add({ login: 'bob@example.org', password: '' })).rejects.toThrow(/password/);
    await expect(add({ login: 'bob@example.org', id: '../x' })).rejects.toThrow(/id/);
    await expect(usersFile(file).remove('bob')).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    expect(await readFile(file, 'utf8')).toBe(before);
  });

  it('does not write over a broken file', async () => {
    await writeFile(file, '{"login":\n');
    await expect(usersFile(file).add({ login: 'bob@example.org' })).rejects.toThrow(/line 1: not JSON/);
    expect(await readFile(file, 'utf8')).toBe('{"login":\n');
    expect(await readdir(folder.path)).toEqual(['users']);
  });

  it('changes the file behind a symbolic link', async () => {
    await usersFile(file).create();
    await symlink(file, join(folder.path, 'link'));
    await usersFile(join(folder.path, 'link')).add({ login: 'alice@example.org' });
    expect(await usersFile(file).list()).toHaveLength(1);
  });

  it('loses no change of many at once, from two processes', async () => {
    const script = `
      import { usersFile } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)};
      await Promise.all(Array.from({ length: 10 }, (_, i) => usersFile(process.argv[1]).add({ login: 'child' + i + '@example.org' })));
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, file], { stdio: 'inherit' });
    const ended = once(child, 'exit');
    await Promise.all(
      Array.from({ length: 10 }, (_, i) => usersFile(file).add({ login: `own${i}@example.org` })),
    );
    expect((await ended)[0]).toBe(0);
    expect(await usersFile(file).list()).toHaveLength(20);
    expect(await readdir(folder.path)).toEqual(['users']);
  });

  it('takes over the lock of a process that is gone', async () => {
    const child = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' });
    await once(child, 'exit');
    await writeFile(`${file}.lock`, `${child.pid} ${hostname()} abc\n`);
    await usersFile(file).add({ login: 'alice@example.org', password: 'wonderland' });
    const opened = await openDirectory(file);
    expect(await opened.directory.verifyPassword('alice@example.org', 'wonderland')).toBeDefined();
    opened.close();
  });

  it('waits for the lock of a process that lives', async () => {
    await writeFile(`${file}.lock`, `${process.ppid} ${hostname()} abc\n`);
    const added = usersFile(file).add({ login: 'alice@example.org' });
    expect(await Promise.race([added, stat(`${file}.lock`).then(() => 'waiting')])).toBe('waiting');
    await import('node:fs/promises').then(({ rm }) => rm(`${file}.lock`));
    expect((await added).login).toBe('alice@example.org');
  });
});
