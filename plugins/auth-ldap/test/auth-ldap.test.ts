import { createServer, type Socket } from 'node:net';
import { directoryContract } from '@postroad/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { escapeValue } from '../src/entries.js';
import type { AuthLdapOptions } from '../src/index.js';
import { createPool } from '../src/pool.js';
import { ldifOf, mapping, open, optionsFor } from './open-ldap.js';
import { manager, type Slapd, slapdMissing, startSlapd } from './slapd.js';

describe.skipIf(slapdMissing !== undefined)(`with slapd ${slapdMissing ?? ''}`, { timeout: 60_000 }, () => {
  directoryContract('auth-ldap over StartTLS', async (accounts) => {
    const slapd = await startSlapd(ldifOf(accounts));
    const opened = await open(optionsFor(slapd));
    return {
      directory: opened.directory,
      async close() {
        await opened.close();
        await slapd.stop();
      },
    };
  });

  describe('auth-ldap', () => {
    let slapd: Slapd;
    const ann = { id: 'ann-1', login: 'ann', password: 'secret', addresses: ['ann@example.org'] };
    beforeAll(async () => {
      slapd = await startSlapd(
        ldifOf([
          ann,
          { ...ann, id: 'star-1', login: 'st*ar', addresses: ['s@example.org'] },
          { ...ann, id: 'eve-1', login: 'eve', addresses: ['e@example.org'], protocols: ['IMAP', 'smtp'] },
        ]),
      );
    }, 60_000);
    afterAll(() => slapd.stop());

    it('does not take what is looked up for a filter', async () => {
      const { directory, close } = await open(optionsFor(slapd));
      for (const login of ['*', 'an*', 'ann)(uid=*', 'ann\\2a']) {
        expect(await directory.verifyPassword(login, 'secret'), login).toBeUndefined();
      }
      expect(await directory.verifyPassword('st*ar', 'secret')).toMatchObject({ id: 'star-1' });
      await close();
    });

    it('never binds without a password, which every server would take for anonymous', async () => {
      const { directory, close } = await open(optionsFor(slapd));
      expect(await directory.verifyPassword('ann', '')).toBeUndefined();
      await close();
    });

    it('lets an entry in by what its protocols are, and lets nobody in who is disabled by a bit', async () => {
      const attributes = {
        ...mapping.attributes,
        disabled: 'employeeNumber',
        disabledBit: 2,
        quotaBytes: undefined,
      };
      const { directory, close } = await open(optionsFor(slapd, { attributes }));
      for (const [flags, isIn] of [
        ['512', true],
        ['514', false],
        ['2', false],
        ['1', true],
      ] as const) {
        await slapd.change('uid=st*ar,dc=example', { employeeNumber: [flags] });
        expect((await directory.verifyPassword('st*ar', 'secret')) !== undefined, flags).toBe(isIn);
        expect((await directory.byId('star-1'))?.isDisabled, flags).toBe(!isIn);
      }
      expect((await directory.byId('eve-1'))?.protocols).toEqual(['imap', 'smtp']);
      expect(await directory.byId('ann-1')).not.toHaveProperty('protocols');
      await close();
    });

    it('shares few connections among many logins', async () => {
      const { directory, close } = await open(optionsFor(slapd, { connectionsMax: 2 }));
      const logins = Array.from({ length: 40 }, (_, at) =>
        directory.verifyPassword('ann', at % 4 === 0 ? 'wrong' : 'secret'),
      );
      const answers = await Promise.all(logins);
      expect(answers.filter((account) => account?.id === 'ann-1')).toHaveLength(30);
      await close();
    });

    it('tries the next server, and puts logins off when there is none', async () => {
      const urls = ['ldap://127.0.0.1:1', slapd.url];
      const { directory, close } = await open(optionsFor(slapd, { urls }));
      expect(await directory.verifyPassword('ann', 'secret')).toMatchObject({ id: 'ann-1' });
      await close();
      const gone = await open(optionsFor(slapd, { urls: ['ldap://127.0.0.1:1'] }));
      await expect(gone.directory.verifyPassword('ann', 'secret')).rejects.toMatchObject({
        code: 'E_DIRECTORY',
      });
      await gone.close();
    });

    it('does not trust a certificate of somebody else, and sends no password without TLS', async () => {
      const { tlsCa: _ca, ...strange } = optionsFor(slapd);
      const opened = await open(strange);
      await expect(opened.directory.byLogin?.('ann')).rejects.toMatchObject({ code: 'E_DIRECTORY' });
      await opened.close();
      // This server wants TLS for a bind, and says so.
      const clear = await open(optionsFor(slapd, { startTls: false }));
      await expect(clear.directory.byLogin?.('ann')).rejects.toMatchObject({ code: 'E_DIRECTORY' });
      await clear.close();
    });

    it('puts logins off when whoever searches may not', async () => {
      const opened = await open(optionsFor(slapd, { bindPassword: 'wrong' }));
      await expect(opened.directory.verifyPassword('ann', 'secret')).rejects.toMatchObject({
        code: 'E_DIRECTORY',
      });
      await opened.close();
    });

    it('takes two entries for one question for a fault', async () => {
      const filters = { ...mapping.filters, login: '(|(uid={login})(objectClass=inetOrgPerson))' };
      const opened = await open(optionsFor(slapd, { filters }));
      await expect(opened.directory.byLogin?.('ann')).rejects.toThrow(/several entries|SizeLimit|0x4/i);
      await opened.close();
    });
  });
});

describe('auth-ldap', () => {
  it('gives up on a server that is silent, and on one that talks nonsense', async () => {
    for (const word of [undefined, 'HTTP/1.1 400 Bad Request\r\n\r\n']) {
      const sockets = new Set<Socket>();
      const server = createServer((socket) => {
        sockets.add(socket);
        socket.on('error', () => {});
        if (word !== undefined) socket.write(word);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as { port: number };
      const urls = [`ldap://127.0.0.1:${port}`];
      const opened = await open({ urls, timeoutMs: 300, ...manager, ...mapping });
      await expect(opened.directory.byLogin?.('ann')).rejects.toMatchObject({ code: 'E_DIRECTORY' });
      await opened.close();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it.each<[string, Partial<AuthLdapOptions>, RegExp]>([
    ['clear text over a network', { urls: ['ldap://ldap.example'], startTls: false }, /clear text/],
    ['half a login', { bindPassword: undefined }, /bindDn/],
    ['a filter without its value', { filters: { login: '(uid=*)' } }, /\{login\}/],
    ['another kind of URL', { urls: ['http://ldap.example'] }, /ldap:/],
  ])('refuses %s', async (_what, more, reason) => {
    await expect(open({ urls: ['ldap://ldap.example'], ...manager, ...mapping, ...more })).rejects.toThrow(
      reason,
    );
  });

  it('escapes everything that is not plain', () => {
    expect(escapeValue('a*b(c)\\ü\0@x')).toBe('a\\2ab\\28c\\29\\5cü\\00@x');
  });

  it('has a limit to who waits for a connection, and uses none that has failed again', async () => {
    let opened = 0;
    const closed: number[] = [];
    const pool = createPool(
      async () => {
        const number = opened++;
        return { isOpen: true, client: undefined as never, close: async () => void closed.push(number) };
      },
      { connectionsMax: 1, waitingMax: 1 },
    );
    let finish = () => {};
    const first = pool.use(() => new Promise<void>((resolve) => (finish = resolve)));
    const second = pool.use(() => Promise.reject(new Error('broken')));
    await expect(pool.use(async () => {})).rejects.toThrow(/too many/);
    finish();
    await first;
    await expect(second).rejects.toThrow('broken');
    expect(closed).toEqual([0]);
    await pool.use(async () => {});
    expect(opened).toBe(2);
    await pool.close();
    expect(closed).toEqual([0, 1]);
  });
});
