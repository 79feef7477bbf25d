import { type Delivery, MailError, type Resolver } from '@postroad/core';
import { createVirtualClock } from '@postroad/core/testing';
import { expect, test } from 'vitest';
import type { Deliverer } from './deliverer.js';
import { PolicyScopes } from './policy-scopes.js';
import type { SmtpRoute } from './session-maker.js';
import { type ConnectionWish, findShared } from './shared-connections.js';

const { signal } = new AbortController();
const host: SmtpRoute = { transport: 'smtp', host: 'out.test', port: 25, login: 'us', password: 'x' };
const mx: SmtpRoute = { transport: 'mx', domain: 'example.net' };
const wish: ConnectionWish = { tls: 'opportunistic', helloName: 'us.test', client: undefined, signal };
const client = { address: '192.0.2.1', helloName: 'one', isExtended: true };

interface Asked {
  readonly route?: SmtpRoute;
  readonly wish?: Partial<ConnectionWish>;
  readonly egress?: Delivery['egress'];
  readonly site?: string;
  readonly hasOwn?: boolean;
  readonly isRelaxed?: boolean;
  readonly requireTls?: boolean;
}

async function keyOf(of: Asked): Promise<string> {
  const deliverer = { scopes: { hasOwn: async () => of.hasOwn === true } } as unknown as Deliverer;
  const message = {
    parameters: { requireTls: of.requireTls === true },
    body: { header: { get: () => (of.isRelaxed === true ? 'No' : undefined) } },
  };
  const delivery = { egress: of.egress ?? {}, site: of.site ?? 'a', message } as unknown as Delivery;
  return (await findShared(deliverer, delivery, of.route ?? host, { ...wish, ...of.wish })).key;
}

test('a connection is shared only by deliveries that want the very same', async () => {
  const asked: readonly Asked[] = [
    {},
    { site: 'b' },
    { wish: { tls: 'none' } },
    { wish: { tls: 'verified' } },
    { wish: { helloName: 'other.test' } },
    { wish: { client } },
    { wish: { client: { ...client, address: '192.0.2.2' } } },
    { wish: { client: { ...client, helloName: 'two' } } },
    { egress: { sourceAddress: '192.0.2.9' } },
    { route: { ...host, login: 'them' } },
    { route: { transport: 'smtp', host: 'out.test', port: 25 } },
  ];
  const keys = await Promise.all(asked.map(keyOf));
  expect(new Set(keys).size).toBe(asked.length);
  expect(await Promise.all(asked.map(keyOf))).toEqual(keys);
});

test('domains of one site share connections unless they or the message ask for TLS of their own', async () => {
  const at = (domain: string, more: Asked = {}) => keyOf({ route: { ...mx, domain }, ...more });
  expect(await at('a.test')).toBe(await at('b.test'));
  const apart: readonly Asked[] = [{ hasOwn: true }, { hasOwn: true, isRelaxed: true }, { requireTls: true }];
  const keys = await Promise.all(
    ['a.test', 'b.test'].flatMap((domain) => apart.map((one) => at(domain, one))),
  );
  expect(new Set([...keys, await at('a.test')]).size).toBe(7);
});

test('a domain of which nobody knows whether it has a policy shares nothing', async () => {
  const broken = () => Promise.reject(new MailError('E_DNS', 'no'));
  const clock = createVirtualClock(0);
  const resolver = { dnssec: { mx: broken } } as unknown as Resolver;
  const scopes = new PolicyScopes({ resolver, clock, mtaSts: undefined, useDane: true });
  expect(await scopes.hasOwn('a.test', signal)).toBe(true);
  const without = new PolicyScopes({ resolver, clock, mtaSts: undefined, useDane: false });
  expect(await without.hasOwn('a.test', signal)).toBe(false);
});
