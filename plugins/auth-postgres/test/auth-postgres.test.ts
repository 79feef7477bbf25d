/** Accounts in a real PostgreSQL, seen by two nodes. */

import { authPostgres, createAccounts } from '@postroad/auth-postgres';
import { type AccountEditor, type CommandTerminal, type Directory, systemClock } from '@postroad/core';
import { directoryContract, startTestDirectory } from '@postroad/core/testing';
import { openPostgres, type Postgres } from '@postroad/postgres';
import { postgresMissing, startTestPostgres, type TestPostgres } from '@postroad/postgres/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const noScram = { hashes: [], iterations: 4_096 };
if (postgresMissing !== undefined) console.warn(`SKIPPED: ${postgresMissing}`);

describe.skipIf(postgresMissing !== undefined)('auth-postgres', () => {
  let server: TestPostgres;
  let url: string;
  let database: Postgres;
  let accounts: AccountEditor;
  const stops: (() => Promise<unknown>)[] = [];

  async function open(to: string, scram: readonly ('SHA-256' | 'SHA-1')[] = []): Promise<Directory> {
    const plugin = authPostgres({
      url: to,
      migrates: true,
      connectionsMax: 3,
      scram: [...scram],
      scramIterations: 4_096,
    });
    const { directory, close } = await startTestDirectory(plugin);
    stops.push(close);
    return directory;
  }
  const connect = (to: string): Postgres =>
    openPostgres(
      {
        url: to,
        tls: 'none',
        connectionsMax: 3,
        connectTimeoutMs: 20_000,
        statementTimeoutMs: 20_000,
        name: 'test',
      },
      { clock: systemClock, log: silent },
    );

  beforeAll(async () => {
    server = await startTestPostgres();
    url = await server.url();
    database = connect(url);
    accounts = createAccounts(database, noScram);
  });
  afterAll(async () => {
    for (const stop of stops) await stop();
    await database?.close();
    await server?.stop();
  });

  directoryContract('auth-postgres', async (wanted) => {
    const to = await server.url();
    const directory = await open(to, ['SHA-256']);
    const made = connect(to);
    const editor = createAccounts(made, { hashes: ['SHA-256'], iterations: 4_096 });
    for (const { isDisabled, quotaBytes, ...one } of wanted) {
      await editor.add({ ...one, ...(quotaBytes === undefined ? {} : { quota: quotaBytes }) });
      if (isDisabled === true) await editor.setDisabled(one.login, true);
    }
    await made.close();
    return { directory, close: async () => undefined };
  });

  it('a changed password, a disabled account and a removed one hold at once on every node', async () => {
    const [a, b] = [await open(url), await open(url)];
    await accounts.add({ login: 'dora@example.org', password: 'one' });
    for (const node of [a, b, a, b])
      expect(await node.verifyPassword('dora@example.org', 'one')).toMatchObject({
        login: 'dora@example.org',
      });
    await accounts.setPassword('DORA@example.org', 'two');
    for (const node of [a, b]) {
      expect(await node.verifyPassword('dora@example.org', 'one')).toBeUndefined();
      expect(await node.verifyPassword('dora@example.org', 'two')).toBeDefined();
    }
    await accounts.setDisabled('dora@example.org', true);
    expect(await b.verifyPassword('dora@example.org', 'two')).toBeUndefined();
    await accounts.setDisabled('dora@example.org', false);
    expect(await b.verifyPassword('dora@example.org', 'two')).toBeDefined();
    await accounts.remove('dora@example.org');
    expect(await a.verifyPassword('dora@example.org', 'two')).toBeUndefined();
    expect(await a.byAddress({ localPart: 'dora', domain: 'example.org' })).toBeUndefined();
  });

  it('application passwords open what they are for, and nothing when they are gone', async () => {
    const node = await open(url);
    await accounts.add({ login: 'emil@example.org', password: 'main', protocols: ['imap', 'smtp'] });
    const phone = await accounts.addApplicationPassword('emil@example.org', 'phone', ['imap', 'pop3']);
    const account = await node.verifyPassword('emil@example.org', phone.toUpperCase().replaceAll('-', ' '));
    expect(account?.protocols).toEqual(['imap']);
    expect((await node.verifyPassword('emil@example.org', 'main'))?.protocols).toEqual(['imap', 'smtp']);
    await expect(accounts.addApplicationPassword('emil@example.org', 'phone')).rejects.toMatchObject({
      code: 'E_USAGE',
    });
    expect(await accounts.applicationPasswords('emil@example.org')).toEqual([
      { name: 'phone', protocols: ['imap', 'pop3'] },
    ]);
    await accounts.removeApplicationPassword('emil@example.org', 'phone');
    expect(await node.verifyPassword('emil@example.org', phone)).toBeUndefined();
    await expect(accounts.removeApplicationPassword('emil@example.org', 'phone')).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
    });
  });

  it('what is taken, or is none, is refused and leaves nothing behind', async () => {
    await accounts.add({ login: 'fritz', addresses: ['fritz@example.org', 'info@bücher.example'] });
    const refused = [
      { login: 'FRITZ', addresses: ['other@example.org'] },
      { login: 'other', addresses: ['ok@example.org', 'INFO@xn--bcher-kva.example'] },
      { login: 'other' },
      { login: 'other', addresses: [] },
      { login: 'other\u0000', addresses: ['x@example.org'] },
      { login: 'other', addresses: ['x@example.org'], id: 'a/b' },
      { login: 'other', addresses: ['x@example.org'], quota: 'much' },
      { login: 'other', addresses: ['x@example.org'], protocols: ['IMAP; DROP'] },
    ];
    for (const one of refused)
      await expect(accounts.add(one), JSON.stringify(one)).rejects.toMatchObject({ code: 'E_USAGE' });
    const rows = await database.query("SELECT 1 FROM postroad_auth_addresses WHERE address LIKE 'ok@%'");
    expect(rows).toEqual([]);
    await expect(accounts.setPassword('nobody', 'x')).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  });

  it('keeps a password of an old scheme anew at the next login, and with it SCRAM keys', async () => {
    const node = await open(url, ['SHA-256']);
    await accounts.add({ login: 'gusti@example.org', password: 'x' });
    // bcrypt of "secret".
    const kept = '$2b$04$e4QuH16Absnon/cCuyeCp.DQ5Z8okVJ85eiPTZMU7fxsXsjOXxtIG';
    await database.run('UPDATE postroad_auth_accounts SET password = $1 WHERE login_key = $2', [
      kept,
      'gusti@example.org',
    ]);
    expect(await node.verifyPassword('gusti@example.org', 'secret')).toBeDefined();
    const password = async () =>
      (
        await database.query<{ password: string; scram: string[] }>(
          'SELECT password, scram FROM postroad_auth_accounts WHERE login_key = $1',
          ['gusti@example.org'],
        )
      )[0];
    await expect.poll(async () => (await password())?.password, { timeout: 10_000 }).toMatch(/^\$argon2id/);
    expect((await password())?.scram).toHaveLength(1);
    expect(await node.scram?.keys('gusti@example.org', 'SHA-256')).toBeDefined();
    // What was set meanwhile holds: a login that began before does not bring back the one before.
    const late = createAccounts(database, noScram).renewPassword('gusti@example.org', 'late', kept);
    expect(await late).toBe(false);
    expect(await node.verifyPassword('gusti@example.org', 'late')).toBeUndefined();
    expect(await node.verifyPassword('gusti@example.org', 'secret')).toBeDefined();
    // Whom nobody knows is told the same by all nodes.
    const secret = node.scram?.secret ?? new Uint8Array();
    expect([secret.length, secret.some((octet) => octet !== 0)]).toEqual([32, true]);
    expect((await open(url, ['SHA-256'])).scram?.secret).toEqual(secret);
  });

  it('is put off while the database is away, which is not the same as unknown', async () => {
    const node = await open(url);
    await server.kill();
    await expect(node.verifyPassword('emil@example.org', 'main')).rejects.toMatchObject({
      code: 'E_DIRECTORY',
    });
    await expect(node.byId('x')).rejects.toMatchObject({ code: 'E_DIRECTORY' });
    await server.start();
    await expect
      .poll(() => node.verifyPassword('emil@example.org', 'main').catch(() => undefined), { timeout: 10_000 })
      .toBeDefined();
  });

  it('commands add, list and remove, and close what they opened', async () => {
    const rows: Readonly<Record<string, unknown>>[] = [];
    const terminal: CommandTerminal = {
      isJson: true,
      isInteractive: false,
      print: () => undefined,
      result: (more) => rows.push(...more),
      askSecret: async () => 'a password',
    };
    const schema = authPostgres.definition.config?.['~standard'];
    const checked = await schema?.validate({ url });
    const config = (checked as { readonly value: unknown }).value as never;
    const call = () => Promise.reject(new Error('no server is asked'));
    const run = (name: string, args: Record<string, string>) =>
      authPostgres.definition.commands
        ?.find((command) => command.name === name)
        ?.run({ config, args, terminal, call });
    await run('user add', { login: 'hanna@example.org', quota: '1G' });
    await run('user list', {});
    expect(rows).toContainEqual(expect.objectContaining({ login: 'hanna@example.org', quotaBytes: 2 ** 30 }));
    await run('user remove', { login: 'hanna@example.org' });
    await expect(run('user remove', { login: 'hanna@example.org' })).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
    });
    expect(await authPostgres.definition.migrate?.({ config, isCheckOnly: true, report() {} })).toEqual([]);
  });
});
