import { MailError, type MxRecord } from '@postroad/core';
import { createVirtualClock } from '@postroad/core/testing';
import { describe, expect, test } from 'vitest';
import { SiteNames, siteName } from '../src/site-names.js';
import { harness, serve, told } from './scene.js';
import { polite } from './scripted-server.js';

const record = (preference: number, exchange: string): MxRecord => ({ preference, exchange });
const delivered = ['delivered 250 2.0.0 taken'];

describe('names of sites', () => {
  test('are the servers in order of preference, whatever the numbers', () => {
    const name = siteName([record(20, 'c.test'), record(10, 'B.test'), record(10, 'a.test')]);
    expect(name).toBe('mx:a.test+b.test,c.test');
    expect(siteName([record(2, 'c.test'), record(1, 'a.test'), record(1, 'b.test')])).toBe(name);
    expect(siteName([record(1, 'c.test'), record(2, 'a.test'), record(2, 'b.test')])).not.toBe(name);
  });

  test('are none without mail exchangers, and bounded with thousands of them', () => {
    expect(siteName([])).toBeUndefined();
    expect(siteName([record(0, '')])).toBeUndefined();
    const many = Array.from({ length: 5_000 }, (_, at) => record(at, `mx${at}.test`));
    const name = siteName(many) ?? '';
    expect(name.length).toBeLessThanOrEqual(170);
    expect(siteName([...many.slice(1), record(0, 'other.test')])).not.toBe(name);
    expect(siteName([...many.slice(0, -1), record(9_999, 'other.test')])).not.toBe(name);
  });

  test('are remembered for a while, asked for once at a time, and follow a domain that moves', async () => {
    const clock = createVirtualClock(0);
    let asked = 0;
    let exchange = 'a.test';
    const mx = async () => {
      asked++;
      return [record(1, exchange)];
    };
    const sites = new SiteNames({ clock, resolver: { ...nobody, mx } });
    expect(await Promise.all([sites.of('x.test'), sites.of('x.test')])).toEqual(['mx:a.test', 'mx:a.test']);
    exchange = 'b.test';
    expect(sites.of('x.test')).toBe('mx:a.test');
    expect(asked).toBe(1);
    await clock.advance(60_000);
    expect(await sites.of('x.test')).toBe('mx:b.test');
  });

  test('are none while DNS fails or is slow, for a short while', async () => {
    const clock = createVirtualClock(0);
    const broken = () => Promise.reject(new MailError('E_DNS', 'no'));
    const slow = (_domain: string, signal?: AbortSignal) =>
      new Promise<never>((_resolve, reject) =>
        signal?.addEventListener('abort', () => reject(signal.reason)),
      );
    const sites = new SiteNames({
      clock,
      resolver: {
        ...nobody,
        mx: (domain, signal) => (domain === 'slow.test' ? slow(domain, signal) : broken()),
      },
    });
    expect(await sites.of('broken.test')).toBeUndefined();
    const waiting = sites.of('slow.test');
    await clock.advance(2_000);
    expect(await waiting).toBeUndefined();
    // Known now: nobody waits again.
    expect(sites.of('slow.test')).toBeUndefined();
  });
});

describe('connections of a site', () => {
  const mxOf = (domain: string) => ({ transport: 'mx', domain }) as const;
  const shared = { site: 'mx:mx.test', to: ['bob@a.test'] };

  test('serve its domains in turn', async () => {
    const server = await serve(polite());
    const { deliver } = harness({ port: server.port, resolver: { mx: async () => [record(1, 'mx.test')] } });
    for (const domain of ['a.test', 'b.test', 'c.test'])
      expect(told(await deliver(mxOf(domain), shared))).toEqual(delivered);
    expect(server.connections).toBe(1);
  });

  test('are not shared with a domain that has a policy of its own', async () => {
    const server = await serve(polite({ offers: ['PIPELINING', 'STARTTLS'] }));
    const policy = 'version: STSv1\nmode: enforce\nmx: mx.test\nmax_age: 86400\n';
    const { deliver } = harness({
      port: server.port,
      fetchPolicy: async () => policy,
      resolver: {
        mx: async () => [record(1, 'mx.test')],
        txt: async (name) => (name === '_mta-sts.strict.test' ? ['v=STSv1; id=1;'] : []),
      },
    });
    expect(told(await deliver(mxOf('a.test'), shared))).toEqual(delivered);
    expect(told(await deliver(mxOf('strict.test'), shared))).toEqual([
      'deferred 451 4.7.5 the certificate of the server can not be verified',
    ]);
    expect(told(await deliver(mxOf('b.test'), shared))).toEqual(delivered);
    expect(server.connections).toBe(2);
  });

  test('are not shared with a domain whose mail exchangers are signed (DANE)', async () => {
    const server = await serve(polite());
    const unsigned = async () => ({ records: [], isAuthentic: false });
    const { deliver } = harness({
      port: server.port,
      resolver: {
        mx: async () => [record(1, 'mx.test')],
        dnssec: {
          mx: async (domain) => ({ records: [record(1, 'mx.test')], isAuthentic: domain === 'signed.test' }),
          addresses: unsigned,
          tlsa: unsigned,
        },
      },
    });
    for (const domain of ['a.test', 'signed.test', 'b.test', 'signed.test'])
      await deliver(mxOf(domain), shared);
    expect(server.messages).toHaveLength(4);
    expect(server.connections).toBe(2);
  });
});

describe('TLS-Required: No', () => {
  const content = 'TLS-Required: No\r\nSubject: test\r\n\r\nhello\r\n';
  const strict = { transport: 'mx', domain: 'strict.test' } as const;

  test('sets the policy of the domain aside, but not REQUIRETLS and not the option', async () => {
    const server = await serve(polite({ offers: ['PIPELINING'] }));
    const options = {
      port: server.port,
      fetchPolicy: async () => 'version: STSv1\nmode: enforce\nmx: mx.test\nmax_age: 86400\n',
      resolver: { mx: async () => [record(1, 'mx.test')], txt: async () => ['v=STSv1; id=1;'] },
    };
    const { deliver } = harness(options);
    const refused = ['deferred 451 4.7.4 the server does not offer TLS, which is required'];
    expect(told(await deliver(strict))).toEqual(refused);
    expect(told(await deliver(strict, { content }))).toEqual(delivered);
    // The connection of before is not used for a message that asks for more.
    expect(told(await deliver(strict))).toEqual(refused);
    expect(told(await deliver(strict, { content, parameters: { requireTls: true } }))).toEqual(refused);
    expect(told(await harness({ ...options, tls: 'required' }).deliver(strict, { content }))).toEqual(
      refused,
    );
  });
});

const none = async () => [];
const nobody = { mx: none, addresses: none, txt: none, names: none };
