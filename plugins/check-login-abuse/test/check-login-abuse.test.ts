import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type AuthenticationResult,
  Authenticator,
  ConnectionState,
  connectControl,
  Directory,
  definePlugin,
  directoryMemory,
} from '@postroad/core';
import { startTestMta, type TestMta } from '@postroad/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { type CheckLoginAbuseOptions, checkLoginAbuse } from '../src/index.js';

interface Fixture {
  readonly mta: TestMta;
  readonly authenticator: Authenticator;
  /** How often the directory was asked. */
  asked(): number;
  logIn(address: string, login: string, password: string): Promise<AuthenticationResult['status']>;
}

const open: Fixture[] = [];
afterEach(async () => {
  for (const { mta } of open.splice(0)) await mta.stop();
});

async function start(
  options: CheckLoginAbuseOptions = {},
  more: { readonly socket?: string; readonly isBroken?: boolean } = {},
): Promise<Fixture> {
  let authenticator: Authenticator | undefined;
  let asked = 0;
  const probe = definePlugin({
    name: 'probe',
    needs: { authenticator: Authenticator, directory: Directory },
    setup({ services, tap }) {
      authenticator = services.authenticator;
      tap(
        'credentials',
        () => {
          asked++;
          if (more.isBroken === true) throw new Error('the directory is down');
          return undefined;
        },
        { order: 'late' },
      );
    },
  });
  const mta = await startTestMta({
    listeners: [],
    ...(more.socket === undefined ? {} : { control: { socket: more.socket } }),
    plugins: [
      directoryMemory({
        accounts: [
          { address: 'alice@example.org', login: 'alice', password: 'right' },
          { address: 'eve@example.org', login: 'eve', password: 'hers' },
        ],
      }),
      checkLoginAbuse({ delayMs: 0, ...options }),
      probe(),
    ],
  });
  const found = authenticator;
  if (found === undefined) throw new Error('there is no authenticator');
  let number = 0;
  const fixture: Fixture = {
    mta,
    authenticator: found,
    asked: () => asked,
    async logIn(remoteAddress, login, password) {
      const connection = connectionFrom(remoteAddress, `c${number++}`);
      const common = { kind: 'password', mechanism: 'PLAIN', authorizationId: '' } as const;
      const { status } = await found.authenticate(connection, { ...common, login, password });
      connection.close();
      // The failure is counted behind the answer.
      await new Promise((resolve) => setImmediate(resolve));
      return status;
    },
  };
  open.push(fixture);
  return fixture;
}

function connectionFrom(remoteAddress: string, id: string): ConnectionState {
  return new ConnectionState({
    ...{ id, protocol: 'imap', role: 'access', listener: 'imap', remoteAddress, remotePort: 1 },
    ...{ localAddress: '127.0.0.1', localPort: 143, openedAtMs: 0 },
  } as ConstructorParameters<typeof ConnectionState>[0]);
}

/** Guesses until the answer changes; the number of guesses that were looked at. */
async function guess({ logIn }: Fixture, addressOf: (at: number) => string, loginOf: (at: number) => string) {
  for (let at = 0; at < 1_000; at++) {
    if ((await logIn(addressOf(at), loginOf(at), `guess ${at}`)) === 'deferred') return at;
  }
  return 1_000;
}

describe('check-login-abuse', () => {
  it('bans an address, and looks at no password of it any more; others still get in', async () => {
    const fixture = await start();
    expect(
      await guess(
        fixture,
        () => '192.0.2.1',
        (at) => `user${at}`,
      ),
    ).toBe(12);
    const asked = fixture.asked();
    expect(await fixture.logIn('192.0.2.1', 'alice', 'right')).toBe('deferred');
    expect(fixture.asked()).toBe(asked);
    expect(await fixture.logIn('192.0.2.2', 'alice', 'right')).toBe('granted');
  });

  it('counts all of an IPv6 /64 as one, and its /48 as a network', async () => {
    const fixture = await start({ network: { banAfter: 20 } });
    expect(
      await guess(
        fixture,
        (at) => `2001:db8:1:1::${at}`,
        (at) => `user${at}`,
      ),
    ).toBe(12);
    expect(await fixture.logIn('2001:db8:1:2::1', 'alice', 'right')).toBe('granted');
    expect(
      await guess(
        fixture,
        (at) => `2001:db8:1:${at + 10}::1`,
        (at) => `user${at}`,
      ),
    ).toBe(8);
    expect(await fixture.logIn('2001:db8:2:1::1', 'alice', 'right')).toBe('granted');
  });

  it('bans a login that the whole world guesses at, but not for a device that is known', async () => {
    const fixture = await start();
    expect(await fixture.logIn('198.51.100.7', 'Alice', 'right')).toBe('granted');
    expect(
      await guess(
        fixture,
        (at) => `10.${at}.0.1`,
        () => 'alice',
      ),
    ).toBe(30);
    expect(await fixture.logIn('203.0.113.9', 'alice', 'right')).toBe('deferred');
    expect(await fixture.logIn('198.51.100.7', 'alice', 'right')).toBe('granted');
    expect(await fixture.logIn('203.0.113.9', 'eve', 'hers')).toBe('granted');
    // A login that does not exist is treated the same.
    expect(
      await guess(
        fixture,
        (at) => `10.${at}.1.1`,
        () => 'nobody',
      ),
    ).toBe(30);
  });

  it('lets a known device in from an address that is banned, until it fails too often itself', async () => {
    const fixture = await start();
    expect(await fixture.logIn('192.0.2.1', 'alice', 'right')).toBe('granted');
    expect(
      await guess(
        fixture,
        () => '192.0.2.1',
        (at) => `user${at}`,
      ),
    ).toBe(12);
    expect(await fixture.logIn('192.0.2.1', 'alice', 'right')).toBe('granted');
    expect(
      await guess(
        fixture,
        () => '192.0.2.1',
        () => 'alice',
      ),
    ).toBeLessThanOrEqual(21);
    expect(await fixture.logIn('192.0.2.1', 'alice', 'right')).toBe('deferred');
  });

  it('takes the same wrong password from the same address for one failure', async () => {
    const fixture = await start();
    for (let at = 0; at < 50; at++) {
      expect(await fixture.logIn('192.0.2.1', 'alice', 'yesterday')).toBe('refused');
    }
    expect(await fixture.logIn('192.0.2.1', 'alice', 'right')).toBe('granted');
  });

  it('does not take a success of an unknown device for an excuse', async () => {
    const fixture = await start();
    for (let at = 0; at < 11; at++) await fixture.logIn('192.0.2.1', `user${at}`, 'x');
    expect(await fixture.logIn('192.0.2.1', 'eve', 'hers')).toBe('granted');
    expect(await fixture.logIn('192.0.2.1', 'user99', 'x')).toBe('refused');
    expect(await fixture.logIn('192.0.2.1', 'user98', 'x')).toBe('deferred');
  });

  it('does not count what could not be told', async () => {
    const fixture = await start({}, { isBroken: true });
    for (let at = 0; at < 40; at++) {
      expect(await fixture.logIn('192.0.2.1', 'alice', `guess ${at}`)).toBe('deferred');
    }
    // Each one was asked about: nobody was banned.
    expect(fixture.asked()).toBe(40);
  });

  it('puts off what comes all at once', async () => {
    const fixture = await start({ pendingMax: 5, address: { banAfter: 1_000 } });
    const connections = Array.from({ length: 50 }, (_, at) => fixture.logIn('192.0.2.1', `user${at}`, 'x'));
    const answers = await Promise.all(connections);
    expect(answers.filter((status) => status === 'refused').length).toBeLessThanOrEqual(5);
    expect(answers).toContain('deferred');
    // None is still counted as under way.
    expect(await fixture.logIn('192.0.2.1', 'alice', 'right')).toBe('granted');
  });

  it('never counts addresses that are exempt', async () => {
    const fixture = await start({ exempt: ['192.0.2.0/28'] });
    expect(
      await guess(
        fixture,
        () => '192.0.2.1',
        (at) => `user${at}`,
      ),
    ).toBe(1_000);
    expect(
      await guess(
        fixture,
        () => '192.0.2.16',
        (at) => `user${at}`,
      ),
    ).toBe(12);
  });

  it('refuses options that are wrong', async () => {
    await expect(start({ exempt: ['192.0.2.0/99'] })).rejects.toThrow(/exempt/);
    await expect(start({ bann: 1 } as never)).rejects.toThrow(/bann/);
  });

  it('is listed and lifted over the control socket', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'postroad-ban-'));
    const socket = join(folder, 'control');
    const fixture = await start({}, { socket });
    const client = await connectControl(socket);
    const call = (command: string, given: Readonly<Record<string, unknown>> = {}) =>
      client.call('plugin', { plugin: 'check-login-abuse', command, given });
    try {
      expect(await call('ban.list')).toEqual([]);
      await guess(
        fixture,
        () => '192.0.2.1',
        (at) => `user${at}`,
      );
      expect(await call('ban.list')).toMatchObject([
        { scope: 'address', value: '192.0.2.1', reason: '12 failed logins' },
      ]);
      expect(await call('ban.remove', { target: '192.0.2.1' })).toMatchObject({ value: '192.0.2.1' });
      expect(await fixture.logIn('192.0.2.1', 'alice', 'right')).toBe('granted');
      await expect(call('ban.remove', { target: '192.0.2.1' })).rejects.toMatchObject({
        code: 'E_NOT_FOUND',
      });
      await call('ban.add', { target: '198.51.100.9/24', for: '2d', reason: 'known for it' });
      await call('ban.add', { target: 'EVE' });
      expect(await fixture.logIn('198.51.100.1', 'alice', 'right')).toBe('deferred');
      expect(await fixture.logIn('203.0.113.1', 'eve', 'hers')).toBe('deferred');
      for (const wrong of [{ target: '10.0.0.0/8' }, { target: 'x', for: 'ever' }, {}]) {
        await expect(call('ban.add', wrong)).rejects.toMatchObject({ code: 'E_USAGE' });
      }
    } finally {
      client.close();
      await client.closed;
      await rm(folder, { recursive: true, force: true });
    }
  });
});
