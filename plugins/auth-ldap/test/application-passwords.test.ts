/** `postroad app-password` over LDAP, and the logins it opens. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuthLdapOptions, authLdap } from '../src/index.js';
import { ldifOf, mapping, open, optionsFor } from './open-ldap.js';
import { type Slapd, slapdMissing, startSlapd } from './slapd.js';

/** What `postroad app-password` tells. */
async function runCommand(
  name: string,
  args: Readonly<Record<string, string>>,
  options: AuthLdapOptions,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const checked = await authLdap.definition.config?.['~standard'].validate(options);
  if (checked === undefined || checked.issues !== undefined) throw new Error(JSON.stringify(checked?.issues));
  const told: Readonly<Record<string, unknown>>[] = [];
  const terminal = {
    isJson: true,
    isInteractive: false,
    print: () => undefined,
    result: (rows: readonly Readonly<Record<string, unknown>>[]) => void told.push(...rows),
    askSecret: async () => '',
  };
  const call = () => Promise.reject(new Error('no server is asked'));
  await authLdap.definition.commands
    ?.find((command) => command.name === `app-password ${name}`)
    ?.run({ config: checked.value as never, args, terminal, call });
  return told;
}

describe.skipIf(slapdMissing !== undefined)(`with slapd ${slapdMissing ?? ''}`, { timeout: 60_000 }, () => {
  let slapd: Slapd;
  beforeAll(async () => {
    const ann = { id: 'ann-1', login: 'ann', password: 'secret', addresses: ['ann@example.org'] };
    slapd = await startSlapd(
      ldifOf([
        ann,
        { ...ann, id: 'eve-1', login: 'eve', addresses: ['e@example.org'], protocols: ['IMAP', 'smtp'] },
        { ...ann, id: 'odd-1', login: 'odd', addresses: ['o@example.org'] },
      ]),
    );
  }, 60_000);
  afterAll(() => slapd.stop());

  it('takes application passwords for what they and the account are for, until they are removed', async () => {
    const { directory, close } = await open(optionsFor(slapd));
    const run = (name: string, args: Readonly<Record<string, string>>, more = {}) =>
      runCommand(name, { login: 'eve', ...args }, optionsFor(slapd, more));
    const logIn = (password: unknown) => directory.verifyPassword('EVE', String(password));
    expect((await logIn('secret'))?.protocols).toEqual(['imap', 'smtp']);
    const [phone] = await run('add', { name: 'phone', protocols: 'imap,pop3' });
    const [desk] = await run('add', { name: 'desk' });
    const phonePassword = String(phone?.password);
    expect(phonePassword).toMatch(/^([0-9a-z]{5}-){3}[0-9a-z]{5}$/);
    expect(await logIn(phonePassword.toUpperCase().replaceAll('-', ' '))).toMatchObject({
      id: 'eve-1',
      protocols: ['imap'],
    });
    expect((await logIn(desk?.password))?.protocols).toEqual(['imap', 'smtp']);
    expect(await logIn(`${phonePassword.slice(0, -1)}!`)).toBeUndefined();
    expect(await directory.verifyPassword('ann', phonePassword), 'of somebody else').toBeUndefined();
    expect(await run('list', {})).toEqual([
      { name: 'desk', protocols: 'all' },
      { name: 'phone', protocols: 'imap,pop3' },
    ]);
    await slapd.change('uid=eve,dc=example', { employeeType: ['TRUE'] });
    expect(await logIn(phonePassword), 'of a disabled account').toBeUndefined();
    await slapd.change('uid=eve,dc=example', { employeeType: [] });
    await run('remove', { name: 'phone' });
    expect(await logIn(phonePassword)).toBeUndefined();
    expect(await logIn(desk?.password)).toBeDefined();
    await close();
  });

  it('makes no application password that is there, called wrongly, of nobody, or that may not be written', async () => {
    const add = (args: Readonly<Record<string, string>>, more: Partial<AuthLdapOptions> = {}) =>
      runCommand('add', { login: 'ann', name: 'phone', ...args }, optionsFor(slapd, more));
    await add({});
    await expect(add({})).rejects.toMatchObject({ code: 'E_USAGE' });
    await expect(add({ name: 'a\nb' })).rejects.toMatchObject({ code: 'E_USAGE' });
    await expect(add({ name: 'x', protocols: 'i map' })).rejects.toMatchObject({ code: 'E_USAGE' });
    await expect(add({ login: 'nobody' })).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    await expect(
      runCommand('remove', { login: 'ann', name: 'desk' }, optionsFor(slapd)),
    ).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    const attributes = { ...mapping.attributes, applicationPasswords: undefined };
    await expect(add({ name: 'x' }, { attributes })).rejects.toMatchObject({ code: 'E_USAGE' });
    const other = { bindDn: 'uid=ann,dc=example', bindPassword: 'secret' };
    await expect(add({ name: 'x' }, other)).rejects.toMatchObject({ code: expect.stringMatching(/^E_/) });
    expect(await runCommand('list', { login: 'ann' }, optionsFor(slapd))).toHaveLength(1);
  });

  it.each([
    'secret',
    '{"name":"x"}',
    '{"name":"x","sha256":"secret"}',
    `{"name":"x","sha256":"${'a'.repeat(43)}","for":"imap"}`,
    `{"name":"x","sha256":"${'a'.repeat(43)}","protocols":["I MAP"]}`,
  ])('takes %s among the application passwords for a fault, and puts the login off', async (value) => {
    const { directory, close } = await open(optionsFor(slapd));
    await slapd.change('uid=odd,dc=example', { carLicense: [value] });
    await expect(directory.verifyPassword('odd', 'secret')).rejects.toMatchObject({ code: 'E_DIRECTORY' });
    await close();
  });
});
