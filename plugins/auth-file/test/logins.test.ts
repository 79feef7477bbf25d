import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Authenticator, ConnectionState, definePlugin, deriveScramKeys, hashPassword } from '@postroad/core';
import { startTestMta } from '@postroad/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { authFile, usersFile } from '../src/index.js';
import { handClock, keepingLog, openDirectory, temporaryFolder } from './open-directory.js';

// What crypt(3) makes of `Hello world!`.
const sha512Crypt =
  '$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let file: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  file = join(folder.path, 'users');
});
afterEach(() => folder.remove());

describe('passwords that are kept in an old way', () => {
  it('are kept as argon2id after the next login, and nothing else of the file changes', async () => {
    await writeFile(file, `# ours\n{"login":"a@example.org","password":"${sha512Crypt}","quota":"2G"}\n`);
    const { directory, renewed, close } = await openDirectory(file);
    expect(await directory.verifyPassword('a@example.org', 'hello world!')).toBeUndefined();
    await renewed();
    expect(await readFile(file, 'utf8')).toContain(sha512Crypt);
    expect(await directory.verifyPassword('a@example.org', 'Hello world!')).toBeDefined();
    await renewed();
    const text = await readFile(file, 'utf8');
    expect(text).toMatch(/^# ours\n\{.*"quota":"2G".*"password":"\$argon2id\$[^"]+"\}\n$/);
    expect(await directory.verifyPassword('a@example.org', 'Hello world!')).toBeDefined();
    expect(await directory.verifyPassword('a@example.org', 'hello world!')).toBeUndefined();
    close();
  });

  it('stay when the password has been changed meanwhile, or the file can not be written', async () => {
    await writeFile(file, `{"login":"a@example.org","password":"${sha512Crypt}"}\n`);
    await usersFile(file).setPassword('a@example.org', 'new');
    expect(await usersFile(file).renewPassword('a@example.org', 'Hello world!', sha512Crypt)).toBe(false);
    const { directory, close } = await openDirectory(file);
    expect(await directory.verifyPassword('a@example.org', 'new')).toBeDefined();
    close();
    const log = keepingLog();
    await writeFile(file, `{"login":"a@example.org","password":"${sha512Crypt}"}\n`);
    const opened = await openDirectory(file, { log });
    await folder.remove();
    expect(await opened.directory.verifyPassword('a@example.org', 'Hello world!')).toBeDefined();
    await opened.renewed();
    expect(log.lines.map(({ level }) => level)).toContain('warn');
    opened.close();
  });
});

describe('SCRAM keys', () => {
  it('come with a new password, go with the next, and are made at a login when they are missing', async () => {
    const scram = { hashes: ['SHA-256', 'SHA-1'], iterations: 4_096 } as const;
    await usersFile(file, scram).add({ login: 'a@example.org', password: 'pencil' });
    const opened = await openDirectory(file, { scram: scram.hashes });
    const keysOf = async (login: string) => opened.directory.scram?.keys(login, 'SHA-256');
    const found = await keysOf('A@Example.org');
    expect(found?.account.login).toBe('a@example.org');
    expect(found?.keys).toEqual(
      await deriveScramKeys('pencil', 'SHA-256', found?.keys.salt ?? Buffer.alloc(0), 4_096),
    );
    // Whoever sets the password without keys takes the old ones away.
    await usersFile(file).setPassword('a@example.org', 'crayon');
    expect(await keysOf('a@example.org')).toBeUndefined();
    expect(await opened.directory.verifyPassword('a@example.org', 'crayon')).toBeDefined();
    await opened.renewed();
    expect(await keysOf('a@example.org')).toBeDefined();
    await usersFile(file).setDisabled('a@example.org', true);
    expect(await keysOf('a@example.org')).toBeUndefined();
    expect(await keysOf('nobody')).toBeUndefined();
    opened.close();
  });
});

describe('application passwords', () => {
  it('log in beside the main one, for their protocols only, until they are removed', async () => {
    const users = usersFile(file);
    await users.add({ login: 'a@example.org', password: 'main', protocols: ['imap', 'smtp'] });
    const everything = await users.addApplicationPassword('a@example.org', 'laptop');
    const reading = await users.addApplicationPassword('a@example.org', 'phone', ['imap', 'pop3']);
    expect(everything).toMatch(/^([0-9a-z]{5}-){3}[0-9a-z]{5}$/);
    const { directory, hashes, close } = await openDirectory(file);
    const protocolsOf = async (password: string) =>
      (await directory.verifyPassword('a@example.org', password))?.protocols;
    expect(await protocolsOf('main')).toEqual(['imap', 'smtp']);
    expect(hashes()).toBe(1);
    expect(await protocolsOf(everything)).toEqual(['imap', 'smtp']);
    expect(await protocolsOf(reading.toUpperCase().replaceAll('-', ' '))).toEqual(['imap']);
    expect(hashes(), 'they cost no hash').toBe(1);
    expect(await protocolsOf(reading.slice(0, -1))).toBeUndefined();
    expect(hashes(), 'a wrong one costs one').toBe(2);
    await expect(users.addApplicationPassword('a@example.org', 'phone')).rejects.toMatchObject({
      code: 'E_USAGE',
    });
    expect(await users.applicationPasswords('a@example.org')).toEqual([
      { name: 'laptop' },
      { name: 'phone', protocols: ['imap', 'pop3'] },
    ]);
    await users.removeApplicationPassword('a@example.org', 'phone');
    expect(await protocolsOf(reading)).toBeUndefined();
    await expect(users.removeApplicationPassword('a@example.org', 'phone')).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
    });
    await users.setDisabled('a@example.org', true);
    expect(await protocolsOf(everything)).toBeUndefined();
    close();
  });
});

it('protocols of an account and of a password hold in a server', async () => {
  const users = usersFile(file);
  await users.add({ login: 'a@example.org', password: 'main', protocols: ['imap'] });
  let authenticator: Authenticator | undefined;
  const probe = definePlugin({
    name: 'probe',
    needs: { authenticator: Authenticator },
    setup({ services }) {
      authenticator = services.authenticator;
    },
  });
  const mta = await startTestMta({
    listeners: [],
    plugins: [authFile({ file, scram: ['SHA-256'] }), probe()],
  });
  const logIn = async (protocol: string) => {
    const connection = new ConnectionState({
      ...{ id: 'c', protocol, role: 'access', listener: 'l', remoteAddress: '192.0.2.1', remotePort: 1 },
      ...{ localAddress: '127.0.0.1', localPort: 1, openedAtMs: 0 },
    } as ConstructorParameters<typeof ConnectionState>[0]);
    const common = { kind: 'password', mechanism: 'PLAIN', authorizationId: '' } as const;
    const given = { ...common, login: 'a@example.org', password: 'main' };
    return (await authenticator?.authenticate(connection, given))?.status;
  };
  try {
    expect(await logIn('imap')).toBe('granted');
    expect(await logIn('pop3')).toBe('refused');
    expect(await logIn('smtp')).toBe('refused');
    expect((await readFile(`${file}.scram-secret`)).length).toBe(32);
  } finally {
    await mta.stop();
  }
});

it.each([
  ['a hash of no scheme', { password: '{PLAIN}secret' }, /password/],
  ['SCRAM keys that are none', { scram: ['SCRAM-SHA-256$1:x$y:z'] }, /scram/],
  ['an application password in clear', { applicationPasswords: [{ name: 'x', sha256: 'secret' }] }, /sha256/],
  ['a protocol that can be none', { protocols: ['I MAP'] }, /protocols/],
])('refuses a file with %s', async (_what, more, reason) => {
  await writeFile(file, `${JSON.stringify({ login: 'a@example.org', ...more })}\n`);
  await expect(openDirectory(file)).rejects.toThrow(reason);
});

it('leaves a hash of today as it is', async () => {
  await writeFile(file, `{"login":"a@example.org","password":"${await hashPassword('x')}"}\n`);
  const before = await readFile(file, 'utf8');
  const { directory, renewed, close } = await openDirectory(file, { clock: handClock() });
  expect(await directory.verifyPassword('a@example.org', 'x')).toBeDefined();
  await renewed();
  expect(await readFile(file, 'utf8')).toBe(before);
  close();
});
