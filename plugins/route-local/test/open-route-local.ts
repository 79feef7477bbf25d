/** `route-local` set up over a small directory and a resolver that answers from a table. */
import {
  type AnyHook,
  ConnectionState,
  type Directory,
  type EnvelopeRecipient,
  MailError,
  type MxRecord,
  parseAddress,
  type Resolver,
  type Verdict,
} from '@postroad/core';
import { type RouteLocalOptions, routeLocal } from '../src/index.js';

const people = [
  'alice@example.org',
  'bob@example.org',
  'bob@example.com',
  'jörg@bücher.example',
  '"a b"@example.org',
];

const dns: Record<string, { mx?: MxRecord[]; addresses?: string[]; fails?: boolean }> = {
  'mx.example.net': { mx: [{ preference: 10, exchange: 'mail.example.net' }] },
  'a.example.net': { addresses: ['192.0.2.1'] },
  'null.example.net': { mx: [{ preference: 0, exchange: '' }] },
  'slow.example.net': { fails: true },
};

/** Three local domains. */
export const basic: RouteLocalOptions = { domains: ['example.org', 'Example.COM', 'bücher.example'] };

/** The plugin's taps, as the core would call them. */
export function open(given: RouteLocalOptions, world: { directoryFails?: boolean } = {}) {
  const taps = new Map<string, (...args: unknown[]) => unknown>();
  const quiet = () => {};
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => log };
  const clock = { now: () => 0, monotonic: () => 0, after: () => ({ cancel() {} }), sleep: async () => {} };
  const checked = routeLocal.definition.config?.['~standard'].validate(given);
  if (checked === undefined || checked instanceof Promise || checked.issues !== undefined) {
    throw new Error(`bad options: ${JSON.stringify(checked)}`);
  }
  routeLocal.definition.setup({
    config: checked.value,
    services: { directory: directory(world.directoryFails === true), resolver, clock },
    tap: (hook: keyof AnyHook | string, answer: never) => taps.set(hook, answer),
    log,
  } as never);
  const signal = new AbortController().signal;
  const expandWhole = (recipients: readonly EnvelopeRecipient[]) =>
    taps.get('expand')?.({}, recipients, signal) as Promise<readonly EnvelopeRecipient[]>;
  return {
    async recipient(to: string | EnvelopeRecipient, client: { login?: string; remoteAddress?: string } = {}) {
      const recipient = typeof to === 'string' ? { address: parse(to) } : to;
      const verdict = (await taps.get('recipient')?.(
        { connection: connect(client) },
        recipient,
        signal,
      )) as Verdict;
      return verdict.verdict === 'reject' ? `${verdict.reply.code} ${verdict.reply.detail}` : verdict.verdict;
    },
    expandWhole,
    async expand(recipients: readonly EnvelopeRecipient[]) {
      return (await expandWhole(recipients)).map(({ address: { localPart, domain } }) =>
        localPart.includes(' ') ? `"${localPart}"@${domain}` : `${localPart}@${domain}`,
      );
    },
    async route(text: string) {
      const route = (await taps.get('route')?.({}, { address: parse(text) }, signal)) as
        | Record<string, unknown>
        | Verdict;
      return 'verdict' in route && route.verdict === 'reject'
        ? `${(route as Extract<Verdict, { verdict: 'reject' }>).reply.code} ${(route as Extract<Verdict, { verdict: 'reject' }>).reply.detail}`
        : route;
    },
  };
}

function connect({ login, remoteAddress = '203.0.113.9' }: { login?: string; remoteAddress?: string }) {
  const connection = new ConnectionState({
    id: '1',
    protocol: 'smtp',
    role: 'relay',
    listener: 'test',
    remoteAddress,
    remotePort: 1,
    localAddress: '127.0.0.1',
    localPort: 25,
    openedAtMs: 0,
  });
  if (login !== undefined) connection.identity = { accountId: 'a', login: 'a', mechanism: login };
  return connection;
}

const resolver: Resolver = {
  async mx(domain) {
    if (dns[domain]?.fails) throw new MailError('E_DNS', 'SERVFAIL');
    return dns[domain]?.mx ?? [];
  },
  addresses: async (name) => dns[name]?.addresses ?? [],
  txt: async () => [],
  names: async () => [],
};

function directory(fails: boolean): Directory {
  const accounts = [...people].sort().map((text) => {
    const address = parse(text);
    return { id: text, login: text, addresses: [address], isDisabled: false };
  });
  const same = (a: string) => a.normalize('NFC').toLowerCase().replace('xn--bcher-kva', 'bücher');
  return {
    verifyPassword: async () => undefined,
    async byAddress(address) {
      if (fails) throw new MailError('E_DIRECTORY', 'on fire');
      return accounts.find(({ addresses: [own] }) => {
        return same(`${own?.localPart}@${own?.domain}`) === same(`${address.localPart}@${address.domain}`);
      });
    },
    byId: async (id) => accounts.find((account) => account.id === id),
    async *list() {
      yield* accounts;
    },
  };
}

/** The address of a test. */
export function parse(text: string) {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`not an address: ${text}`);
  return address;
}
