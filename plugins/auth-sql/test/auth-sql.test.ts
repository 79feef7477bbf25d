import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createPasswordVerifier,
  deriveScramKeys,
  formatScramKeys,
  hashPassword,
  systemClock,
} from '@postroad/core';
import { directoryContract } from '@postroad/core/testing';
import { postgresMissing, startTestPostgres, type TestPostgres } from '@postroad/postgres/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileQuery } from '../src/queries.js';
import { insertsOf, open, runCommand, sqliteFile, tables } from './open-sql.js';

directoryContract('auth-sql with SQLite', async (accounts) => {
  const made = await sqliteFile(await insertsOf(accounts));
  const opened = await open({ sqlite: { file: made.file } });
  return {
    directory: opened.directory,
    async close() {
      await opened.close();
      await made.remove();
    },
  };
});

describe.skipIf(postgresMissing !== undefined)(`with PostgreSQL ${postgresMissing ?? ''}`, () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startTestPostgres();
  }, 60_000);
  afterAll(() => server.stop());

  directoryContract('auth-sql with PostgreSQL', async (accounts) => {
    const url = await server.url();
    const schema = /search_path(?:%3D|=)([\w-]+)/i.exec(url)?.[1];
    const statements = [...tables, ...(await insertsOf(accounts))];
    await server.query([`SET search_path TO ${schema ?? 'public'}`, ...statements].join(';\n'));
    return open({ postgres: { url } });
  });

  it('takes application passwords for what they are for, made and removed by commands', async () => {
    const url = await server.url();
    const schema = /search_path(?:%3D|=)([\w-]+)/i.exec(url)?.[1];
    const account = `INSERT INTO accounts (id, login, password, protocols)
      VALUES ('a', 'a@example.org', '${await hashPassword('secret')}', 'imap,pop3')`;
    await server.query([`SET search_path TO ${schema ?? 'public'}`, ...tables, account].join(';\n'));
    const { directory, close } = await open({ postgres: { url } });
    const [phone] = await runCommand({ postgres: { url } }, 'app-password add', {
      name: 'phone',
      protocols: 'imap,smtp',
    });
    const logIn = () => directory.verifyPassword('A@example.org', String(phone?.password));
    expect(await logIn()).toMatchObject({ id: 'a', protocols: ['imap'] });
    expect(await directory.verifyPassword('a@example.org', 'secret')).toMatchObject({
      protocols: ['imap', 'pop3'],
    });
    await runCommand({ postgres: { url } }, 'app-password remove', { name: 'phone' });
    expect(await logIn()).toBeUndefined();
    await close();
  });
});

describe('auth-sql', () => {
  it('takes old hashes, and keeps them anew after a login; what changes in the database holds at once', async () => {
    const old =
      '$6$rounds=1400$ab$qEvUatNVkTnUKrHbQwQTrLSs47B1NMDP7KUddvruR4uRTDbw5gDU78YUpv.CcgphPWVxfuNndUpxJn0V9kHam1';
    const made = await sqliteFile([
      `INSERT INTO accounts (id, login, password, protocols) VALUES ('a', 'a@example.org', '${old}', '["imap","POP3"]')`,
    ]);
    const opened = await open({ sqlite: { file: made.file } });
    const password = `${'x'.repeat(100)}ü`;
    const keptNow = () =>
      (made.database.prepare('SELECT password FROM accounts').get() as { password: string }).password;
    expect(await opened.directory.verifyPassword('A@example.org', password)).toMatchObject({
      id: 'a',
      addresses: [{ localPart: 'a', domain: 'example.org' }],
      protocols: ['imap', 'pop3'],
    });
    await expect.poll(keptNow, { timeout: 20_000 }).toMatch(/^\$argon2id/);
    expect(await opened.directory.verifyPassword('a@example.org', password)).toBeDefined();
    made.database.exec("UPDATE accounts SET disabled = TRUE WHERE id = 'a'");
    expect(await opened.directory.verifyPassword('a@example.org', password)).toBeUndefined();
    await opened.close();
    await made.remove();
  });

  it('asks queries of another schema', async () => {
    const hash = await hashPassword('secret');
    const made = await sqliteFile([
      'CREATE TABLE users (number INTEGER, email TEXT, pw TEXT)',
      `INSERT INTO users VALUES (7, 'Ann@example.org', '${hash}'), (8, 'Twin@example.org', 'x'), (9, 'twin@example.org', 'x')`,
    ]);
    const select = 'SELECT number AS id, email AS login, pw AS password FROM users';
    const opened = await open({
      sqlite: { file: made.file },
      queries: {
        login: `${select} WHERE lower(email) = :login /* :not a value */`,
        address: `${select} WHERE lower(email) = :address AND ':x' <> :domain`,
        id: `${select} WHERE number = CAST(:id AS INTEGER)`,
        list: `${select} ORDER BY number`,
        setPassword: '',
      },
    });
    const { directory } = opened;
    expect(await directory.verifyPassword('ann@EXAMPLE.org', 'secret')).toMatchObject({ id: '7' });
    expect(await directory.byAddress({ localPart: 'ANN', domain: 'example.org' })).toMatchObject({ id: '7' });
    expect(await directory.byId('7')).toMatchObject({ login: 'Ann@example.org' });
    await expect(directory.byLogin?.('twin@example.org')).rejects.toThrow(/several accounts/);
    expect(await directory.verifyPassword("x' OR '1'='1", 'secret')).toBeUndefined();
    const ids: string[] = [];
    for await (const { id } of directory.list()) ids.push(id);
    expect(ids).toEqual(['7', '8', '9']);
    await opened.close();
    await made.remove();
  });

  it('takes application passwords for what they are for, made and removed by commands', async () => {
    const hash = await hashPassword('secret');
    const made = await sqliteFile([
      `INSERT INTO accounts (id, login, password, protocols) VALUES ('a', 'a@example.org', '${hash}', 'imap,pop3')`,
    ]);
    const opened = await open({ sqlite: { file: made.file } });
    const { directory } = opened;
    const run = (name: string, args: Record<string, string>) =>
      runCommand({ sqlite: { file: made.file } }, name, args);
    const [phone] = await run('app-password add', { name: 'phone', protocols: 'IMAP,smtp' });
    const password = String(phone?.password);
    expect(await directory.verifyPassword('a@example.org', password)).toMatchObject({ protocols: ['imap'] });
    expect(await directory.verifyPassword('a@example.org', 'secret')).toMatchObject({
      protocols: ['imap', 'pop3'],
    });
    expect(await directory.verifyPassword('a@example.org', `${password}x`)).toBeUndefined();
    await expect(run('app-password add', { name: 'phone' })).rejects.toMatchObject({ code: 'E_USAGE' });
    await run('app-password add', { name: 'desk' });
    expect(await run('app-password list', {})).toEqual([
      { name: 'desk', protocols: 'all' },
      { name: 'phone', protocols: 'imap,smtp' },
    ]);
    made.database.exec("UPDATE accounts SET disabled = TRUE WHERE id = 'a'");
    expect(await directory.verifyPassword('a@example.org', password)).toBeUndefined();
    made.database.exec("UPDATE accounts SET disabled = FALSE WHERE id = 'a'");
    await run('app-password remove', { name: 'phone' });
    expect(await directory.verifyPassword('a@example.org', password)).toBeUndefined();
    await expect(run('app-password remove', { name: 'phone' })).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
    });
    made.database.exec("UPDATE app_passwords SET sha256 = ''");
    expect(await directory.verifyPassword('a@example.org', 'x')).toBeUndefined();
    await opened.close();
    await made.remove();
  });

  it('refuses to start when the SQLite file is not there, and makes none', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'postroad-auth-sql-'));
    const file = join(folder, 'missing.db');
    await expect(open({ sqlite: { file } })).rejects.toMatchObject({ code: 'E_DIRECTORY' });
    await expect(open({ sqlite: { file: folder } })).rejects.toMatchObject({ code: 'E_DIRECTORY' });
    await expect(access(file)).rejects.toThrow(/ENOENT/);
    await rm(folder, { recursive: true });
  });

  it('gives SCRAM keys', async () => {
    const keys = await deriveScramKeys('pencil', 'SHA-256', Buffer.from('0123456789abcdef'), 4_096);
    if (keys === undefined) throw new Error('no keys');
    const made = await sqliteFile([
      `INSERT INTO accounts (id, login, scram) VALUES ('a', 'a@example.org', '${formatScramKeys('SHA-256', keys)}'), ('b', 'b@example.org', NULL)`,
    ]);
    const opened = await open({ sqlite: { file: made.file }, scram: { secret: 'x'.repeat(32) } });
    expect(opened.directory.scram?.hashes).toEqual(['SHA-256']);
    expect(await opened.directory.scram?.keys('A@example.org', 'SHA-256')).toMatchObject({
      account: { id: 'a' },
    });
    expect(await opened.directory.scram?.keys('b@example.org', 'SHA-256')).toBeUndefined();
    expect(await opened.directory.scram?.keys('nobody', 'SHA-256')).toBeUndefined();
    await opened.close();
    await made.remove();
  });

  it('puts logins off when the tables are not there or what they hold is wrong, and refuses to start without a file', async () => {
    const made = await sqliteFile([
      `INSERT INTO accounts (id, login, password) VALUES ('../x', 'x@example.org', NULL), ('y', 'y@example.org', 'plain')`,
    ]);
    const opened = await open({ sqlite: { file: made.file } });
    await expect(opened.directory.byId('../x')).rejects.toMatchObject({ code: 'E_DIRECTORY' });
    await expect(opened.directory.verifyPassword('y@example.org', 'plain')).rejects.toMatchObject({
      code: 'E_DIRECTORY',
    });
    made.database.exec('DROP TABLE addresses');
    await expect(opened.directory.byLogin?.('y@example.org')).rejects.toMatchObject({ code: 'E_DIRECTORY' });
    await opened.close();
    await made.remove();
    await expect(open({ sqlite: { file: made.file } })).rejects.toThrow(/auth-sql|database/);
  });

  it('refuses options that are wrong', async () => {
    await expect(open({})).rejects.toThrow(/either/);
    const queries = { login: 'SELECT 1 WHERE x = :password' };
    await expect(open({ sqlite: { file: 'x' }, queries })).rejects.toThrow(/:password is none of :login/);
  });

  it('costs one hash whether the login is known or not', async () => {
    let checks = 0;
    const verifier = createPasswordVerifier({ clock: systemClock });
    const { createSqlDirectory } = await import('../src/directory.js');
    const hash = await hashPassword('secret');
    const row = { id: 'a', login: 'a@example.org', password: hash };
    const directory = createSqlDirectory({
      database: {
        kind: 'sqlite',
        open: async () => {},
        rows: async (_query, { login }) => (login === 'a@example.org' ? [row] : []),
        run: async () => 0,
        close: async () => {},
      },
      queries: {},
      passwords: {
        verify: (...given) => {
          checks++;
          return verifier.verify(...given);
        },
      },
      scram: undefined,
      renew: () => {},
    });
    for (const login of ['a@example.org', 'nobody', 'a\0', '']) {
      expect(await directory.verifyPassword(login, 'wrong')).toBeUndefined();
    }
    expect(checks).toBe(4);
  });
});

describe('compileQuery', () => {
  it.each([
    ['postgres', 'a = :id AND b = :id::text', 'a = $1 AND b = $1::text', ['id']],
    ['sqlite', 'a = :id AND b = :id', 'a = ? AND b = ?', ['id', 'id']],
    ['postgres', 'x = \':id\' -- :id\n AND ":id" = :id', 'x = \':id\' -- :id\n AND ":id" = $1', ['id']],
    ['postgres', 'SELECT $$ :id $$, $t$ :id $t$, :id', 'SELECT $$ :id $$, $t$ :id $t$, $1', ['id']],
  ] as const)('%s: %s', (kind, text, compiled, names) => {
    expect(compileQuery(text, kind, ['id'])).toEqual({ text: compiled, names });
  });
});
