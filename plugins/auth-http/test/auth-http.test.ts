import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  Authenticator,
  ConnectionState,
  createDirectoryMemory,
  type Directory,
  definePlugin,
  formatAddress,
  parseAddress,
  systemClock,
} from '@postroad/core';
import { directoryContract, startTestMta } from '@postroad/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { createAsk } from '../src/ask.js';
import { createHttpDirectory } from '../src/directory.js';
import { authHttp } from '../src/index.js';

type Question = Readonly<Record<string, string>>;
type Answer = (question: Question, request: IncomingMessage, response: ServerResponse) => unknown;

interface Service {
  readonly url: string;
  readonly questions: Question[];
  close(): Promise<void>;
}

/** A web service; `undefined` as an answer means that the handler has answered itself, or never does. */
async function serve(answer: Answer): Promise<Service> {
  const questions: Question[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', async () => {
      const question = JSON.parse(text) as Question;
      questions.push(question);
      const value = await answer(question, request, response);
      if (value !== undefined)
        response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    questions,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function directoryOf(url: string, more: Readonly<Record<string, unknown>> = {}): Promise<Directory> {
  const checked = await authHttp.definition.config?.['~standard'].validate({ url, ...more });
  if (checked === undefined || checked.issues !== undefined) throw new Error(JSON.stringify(checked?.issues));
  return createHttpDirectory(createAsk(checked.value as never), systemClock);
}

const open: Service[] = [];
afterEach(async () => {
  for (const service of open.splice(0)) await service.close();
});

directoryContract('auth-http', async (accounts) => {
  const behind = createDirectoryMemory(
    accounts.map(({ addresses: [address = '', ...addresses], ...rest }) => ({ ...rest, address, addresses })),
  );
  const told = (account: Awaited<ReturnType<Directory['byId']>>) =>
    account === undefined
      ? null
      : {
          ...account,
          disabled: account.isDisabled,
          addresses: account.addresses.map(formatAddress),
        };
  const service = await serve(async (question) => {
    switch (question.question) {
      case 'password':
        return { account: told(await behind.verifyPassword(question.login ?? '', question.password ?? '')) };
      case 'address': {
        const address = parseAddress(question.address ?? '');
        return { account: address === undefined ? null : told(await behind.byAddress(address)) };
      }
      case 'id':
        return { account: told(await behind.byId(question.id ?? '')) };
      case 'login':
        return { account: told((await behind.byLogin?.(question.login ?? '')) ?? undefined) };
      default: {
        // Two on a page.
        const all = [];
        for await (const account of behind.list()) all.push(account);
        const rest = all.filter(({ id }) => id > (question.after ?? ''));
        return { accounts: rest.slice(0, 2).map(told), next: rest.length > 2 };
      }
    }
  });
  return { directory: await directoryOf(service.url), close: service.close };
});

describe('auth-http', () => {
  it('sends its headers, asks about addresses in their one form, and keeps passwords in NFC', async () => {
    const seen: (string | undefined)[] = [];
    const service = await serve((_question, request) => {
      seen.push(request.headers.authorization);
      return { account: null };
    });
    open.push(service);
    const directory = await directoryOf(service.url, { headers: { authorization: 'Bearer x' } });
    const address = parseAddress('JÖRG@bücher.example');
    if (address === undefined) throw new Error('no address');
    expect(await directory.byAddress(address)).toBeUndefined();
    expect(await directory.verifyPassword('a', 'Zu\u0308rich')).toBeUndefined();
    expect(service.questions).toEqual([
      { question: 'address', address: 'jörg@xn--bcher-kva.example' },
      { question: 'password', login: 'a', password: 'Zürich' },
    ]);
    expect(seen).toEqual(['Bearer x', 'Bearer x']);
  });

  it.each<[string, Answer]>([
    [
      'another status',
      (_question, _request, response) => void response.writeHead(500).end('{"account":null}'),
    ],
    ['a redirect', (_question, _request, response) => void response.writeHead(307, { location: '/' }).end()],
    ['no JSON', (_question, _request, response) => void response.end('<html>')],
    ['nothing in it', () => ({})],
    ['a list', () => []],
    ['an account that is none', () => ({ account: 'alice' })],
    ['an account without login', () => ({ account: { id: 'a' } })],
    ['an id that can be none', () => ({ account: { login: 'a', id: '../../etc' } })],
    ['an address that is none', () => ({ account: { login: 'a', addresses: ['a b'] } })],
    ['an endless answer', (_question, _request, response) => void response.end(`"${'x'.repeat(5_000_000)}"`)],
    ['a connection that breaks', (_question, request) => void request.socket.destroy()],
  ])('puts logins off for %s', async (_what, answer) => {
    const service = await serve(answer);
    open.push(service);
    const directory = await directoryOf(service.url);
    await expect(directory.verifyPassword('alice', 'x')).rejects.toMatchObject({ code: 'E_DIRECTORY' });
  });

  it('leaves application passwords to the service, which says what each is for', async () => {
    const account = { login: 'ute', addresses: ['ute@example.org'], protocols: ['imap', 'smtp'] };
    // What a service answers that keeps them: the protocols of the password that are the account's too.
    const kept: Readonly<Record<string, readonly string[]>> = {
      main: ['imap', 'smtp'],
      'of the phone': ['imap'],
      'of the fax': [],
    };
    const service = await serve(({ question, login, password }) => {
      if (question !== 'password') return { account };
      const protocols = login === 'ute' ? kept[password ?? ''] : undefined;
      return { account: protocols === undefined ? null : { ...account, protocols } };
    });
    open.push(service);
    let authenticator: Authenticator | undefined;
    const probe = definePlugin({
      name: 'probe',
      needs: { authenticator: Authenticator },
      setup({ services }) {
        authenticator = services.authenticator;
      },
    });
    await using server = await startTestMta({
      listeners: [],
      plugins: [authHttp({ url: service.url }), probe()],
    });
    expect(server.mta).toBeDefined();
    const logIn = async (password: string, protocol: 'imap' | 'smtp') => {
      const connection = new ConnectionState({
        ...{ id: 'c', protocol, role: 'access', listener: 'l', remoteAddress: '192.0.2.1', remotePort: 1 },
        ...{ localAddress: '127.0.0.1', localPort: 1, openedAtMs: 0 },
      } as ConstructorParameters<typeof ConnectionState>[0]);
      const given = { kind: 'password', mechanism: 'PLAIN', authorizationId: '', login: 'ute' } as const;
      return (await authenticator?.authenticate(connection, { ...given, password }))?.status;
    };
    expect(await logIn('main', 'smtp')).toBe('granted');
    expect(await logIn('of the phone', 'imap')).toBe('granted');
    expect(await logIn('of the phone', 'smtp')).toBe('refused');
    expect(await logIn('of the fax', 'imap'), 'for nothing, not for everything').toBe('refused');
    expect(await logIn('of nobody', 'imap')).toBe('refused');
  });

  it('refuses an unknown login no sooner than a right password is taken', async () => {
    const waits: number[] = [];
    let now = 0;
    const clock = {
      ...systemClock,
      monotonic: () => now,
      sleep: async (ms: number) => void waits.push(ms),
    };
    // A service that hashes for known logins only, which takes a second.
    const directory = createHttpDirectory(async (_question, { login, password }) => {
      if (login === 'alice') now += 1_000;
      return {
        account:
          login === 'alice' && password === 'right' ? { login, addresses: ['alice@example.org'] } : null,
      };
    }, clock);
    expect(await directory.verifyPassword('alice', 'right')).toMatchObject({ login: 'alice' });
    expect(waits, 'who is right does not wait').toEqual([]);
    for (const [login, password] of [
      ['nobody', 'right'],
      ['', 'right'],
      ['al\0ice', 'right'],
    ] as const) {
      expect(await directory.verifyPassword(login, password)).toBeUndefined();
    }
    expect(waits).toEqual([1_000, 1_000, 1_000]);
    await directory.verifyPassword('alice', 'wrong');
    expect(waits, 'it took as long already').toHaveLength(3);
  });

  it('puts logins off when the service is silent, gone or too busy, and honours the signal', async () => {
    const service = await serve(() => undefined);
    open.push(service);
    const directory = await directoryOf(service.url, { timeoutMs: 200, requestsMax: 1 });
    const first = directory.verifyPassword('alice', 'x');
    await expect(directory.byId('alice')).rejects.toThrow(/too many/);
    await expect(first).rejects.toMatchObject({ code: 'E_DIRECTORY' });
    const reason = new Error('gone');
    await expect(directory.verifyPassword('a', 'x', AbortSignal.abort(reason))).rejects.toBe(reason);
    await service.close();
    await expect(directory.byId('alice')).rejects.toMatchObject({ code: 'E_DIRECTORY' });
  });

  it.each(['http://mail.example/', 'ftp://127.0.0.1/', 'https://user:secret@mail.example/', 'mail'])(
    'does not take %s for a service',
    async (url) => {
      await expect(directoryOf(url)).rejects.toThrow(/url/);
    },
  );
});
