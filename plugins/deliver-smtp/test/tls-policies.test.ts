import { createHash, X509Certificate } from 'node:crypto';
import { type DnssecResolver, MailError, type Resolver, type TlsaRecord } from '@postroad/core';
import { describe, expect, test } from 'vitest';
import { authorityCertificate, leafCertificate, leafKey, testCertificate } from './certificate.js';
import { harness, mx, serve as serveScript, told } from './scene.js';
import { polite } from './scripted-server.js';

const offers = ['PIPELINING', 'STARTTLS'];
const chain = { cert: leafCertificate + authorityCertificate, key: leafKey };
const delivered = ['delivered 250 2.0.0 taken'];
const unproven = ['deferred 451 4.7.5 the certificate of the server can not be verified'];

const serve = (options: Parameters<typeof polite>[0] = {}) => serveScript(polite({ offers, ...options }));

const exchangers = [{ preference: 1, exchange: 'mx.example.net' }];

describe('DANE', () => {
  const spki = (certificate: string) =>
    new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' }) as Buffer;
  const digest = (name: string, bytes: Buffer) => createHash(name).update(bytes).digest();

  const endEntity: TlsaRecord = {
    usage: 3,
    selector: 1,
    matchingType: 1,
    certificate: digest('sha256', spki(testCertificate)),
  };
  const anchor: TlsaRecord = {
    usage: 2,
    selector: 0,
    matchingType: 2,
    certificate: digest('sha512', new X509Certificate(authorityCertificate).raw),
  };

  function withTlsa(
    records: readonly TlsaRecord[],
    changes: Partial<DnssecResolver> = {},
  ): Partial<Resolver> {
    const vouched = <T>(of: readonly T[]) => ({ records: of, isAuthentic: true });
    const dnssec: DnssecResolver = {
      mx: async () => vouched(exchangers),
      addresses: async () => vouched(['127.0.0.1']),
      tlsa: async () => vouched(records),
      ...changes,
    };
    return { mx: async () => exchangers, dnssec };
  }

  test.each([
    ['the key of the server', endEntity, {}, delivered],
    ['another key', { ...endEntity, certificate: Buffer.alloc(32) }, {}, unproven],
    [
      'the whole certificate',
      { usage: 3, selector: 0, matchingType: 0, certificate: new X509Certificate(testCertificate).raw },
      {},
      delivered,
    ],
    ['the authority that signed it', anchor, { certificate: chain }, delivered],
    ['an authority that did not sign it', anchor, {}, unproven],
    ['only what is not usable asks for TLS alone, and', { ...endEntity, usage: 1 }, {}, delivered],
  ])('with %s', async (_name, record, options, expected) => {
    const server = await serve(options);
    const report = await harness({ port: server.port, resolver: withTlsa([record]) }).deliver(mx);
    expect(told(report)).toEqual(expected);
    expect(report.tls === undefined).toBe(expected !== delivered);
  });

  test('needs TLS, whatever the server offers', async () => {
    const server = await serve({ offers: ['PIPELINING'] });
    expect(told(await harness({ port: server.port, resolver: withTlsa([endEntity]) }).deliver(mx))).toEqual([
      'deferred 451 4.7.4 the server does not offer TLS, which is required',
    ]);
    // Also where none of the records is usable.
    const unusable = harness({ port: server.port, resolver: withTlsa([{ ...endEntity, usage: 1 }]) });
    expect(told(await unusable.deliver(mx))).toEqual([
      'deferred 451 4.7.4 the server does not offer TLS, which is required',
    ]);
    for (const off of [{ dane: false }, { tls: 'none' }] as const) {
      const switchedOff = harness({ port: server.port, resolver: withTlsa([endEntity]), ...off });
      expect(told(await switchedOff.deliver(mx))).toEqual(delivered);
    }
  });

  test('does not count where a link is not signed', async () => {
    const server = await serve({ offers: ['PIPELINING'] });
    const unsigned = async <T>(records: readonly T[]) => ({ records, isAuthentic: false });
    for (const changes of [
      { mx: () => unsigned(exchangers) },
      { addresses: () => unsigned(['127.0.0.1']) },
      { addresses: () => unsigned(['127.0.0.1']), alias: () => unsigned(['elsewhere.test']) },
      { tlsa: () => unsigned([endEntity]) },
      { tlsa: async () => ({ records: [], isAuthentic: true }) },
    ]) {
      const { deliver } = harness({ port: server.port, resolver: withTlsa([endEntity], changes) });
      expect(told(await deliver(mx))).toEqual(delivered);
    }
  });

  test('where it is required takes no other proof, and no exception', async () => {
    const server = await serve();
    const dane = (resolver: Partial<Resolver>, more = {}) =>
      harness({ port: server.port, tls: 'dane', trusted: true, resolver, ...more });
    const none = ['deferred 451 4.7.5 the server has no TLSA records (DANE) that it could prove itself by'];
    const relaxed = { content: 'TLS-Required: No\r\n\r\nhello\r\n' };
    const sts = {
      fetchPolicy: async () => 'version: STSv1\nmode: enforce\nmx: mx.example.net\nmax_age: 86400\n',
    };
    const announced = { txt: async () => ['v=STSv1; id=1;'] };
    for (const resolver of [
      { mx: async () => exchangers, ...announced },
      { ...withTlsa([]), ...announced },
      { ...withTlsa([{ ...endEntity, usage: 1 }]), ...announced },
    ]) {
      expect(told(await dane(resolver, sts).deliver(mx))).toEqual(none);
      expect(told(await dane(resolver).deliver(mx, relaxed))).toEqual(none);
      expect(told(await dane(resolver, { dane: false }).deliver(mx))).toEqual(none);
    }
    expect(server.connections).toBe(0);
    expect(told(await dane(withTlsa([endEntity]), { trusted: false }).deliver(mx))).toEqual(delivered);
    expect(told(await dane(withTlsa([endEntity]), { dane: false }).deliver(mx, relaxed))).toEqual(delivered);
    // A host of the configuration has its certificate to prove itself by.
    const host = { transport: 'smtp', host: 'localhost', port: server.port } as const;
    expect(told(await dane({}).deliver(host))).toEqual(delivered);
    expect(told(await dane({}, { trusted: false }).deliver(host))).toEqual(unproven);
  });

  test('waits while the answer is withheld', async () => {
    const server = await serve();
    const resolver = withTlsa([], { tlsa: () => Promise.reject(new MailError('E_DNS', 'no')) });
    expect(told(await harness({ port: server.port, resolver }).deliver(mx))).toEqual([
      'deferred 451 4.7.5 how the server proves itself (DANE) can not be looked up for now',
    ]);
    expect(server.connections).toBe(0);
  });
});

describe('MTA-STS', () => {
  const resolver: Partial<Resolver> = {
    mx: async () => exchangers,
    txt: async (name) => (name === '_mta-sts.example.net' ? ['v=STSv1; id=1;'] : []),
  };
  const policy = (mode: string, host = '*.example.net') =>
    `version: STSv1\nmode: ${mode}\nmx: ${host}\nmax_age: 86400\n`;

  test.each([
    ['enforced needs a certificate that can be verified', policy('enforce'), false, unproven],
    ['enforced is fulfilled by one', policy('enforce'), true, delivered],
    [
      'enforced names the servers',
      policy('enforce', 'other.example.net'),
      true,
      ['deferred 451 4.7.5 the policy of the domain (MTA-STS) does not name the server'],
    ],
    ['in testing changes nothing', policy('testing', 'other.example.net'), false, delivered],
    ['that is not valid changes nothing', policy('enforce').replace('STSv1', 'STSv9'), false, delivered],
  ])('%s', async (_name, text, trusted, expected) => {
    const server = await serve();
    const { deliver } = harness({ port: server.port, resolver, trusted, fetchPolicy: async () => text });
    expect(told(await deliver(mx))).toEqual(expected);
  });

  test('holds while it can not be fetched again, and is replaced when it can', async () => {
    const server = await serve();
    let id = '1';
    let fetched: string | undefined = policy('enforce');
    const { deliver, clock } = harness({
      port: server.port,
      resolver: {
        ...resolver,
        txt: async () => {
          if (id === 'withheld') throw new MailError('E_DNS', 'no answer');
          return id === '' ? [] : [`v=STSv1; id=${id};`];
        },
      },
      fetchPolicy: async () => fetched ?? Promise.reject(new Error('not now')),
    });
    expect(told(await deliver(mx))).toEqual(unproven);
    [id, fetched] = ['2', undefined];
    expect(told(await deliver(mx))).toEqual(unproven);
    for (id of ['', 'withheld']) expect(told(await deliver(mx))).toEqual(unproven);
    [id, fetched] = ['2', policy('none')];
    await clock.advance(300_000);
    expect(told(await deliver(mx))).toEqual(delivered);
  });
});

describe('REQUIRETLS', () => {
  const requiring = { parameters: { requireTls: true } } as const;
  const able = () => serveScript(polite({ offers: ['PIPELINING', 'STARTTLS', 'REQUIRETLS'] }));
  const signed = (isAuthentic: boolean): Partial<Resolver> => ({
    mx: async () => exchangers,
    dnssec: {
      mx: async () => ({ records: exchangers, isAuthentic }),
      addresses: async () => ({ records: ['127.0.0.1'], isAuthentic: false }),
      tlsa: async () => ({ records: [], isAuthentic: false }),
    },
  });
  const sts: Partial<Resolver> = { mx: async () => exchangers, txt: async () => ['v=STSv1; id=1;'] };
  const policyOf = (mode: string) => async () =>
    `version: STSv1\nmode: ${mode}\nmx: mx.example.net\nmax_age: 86400\n`;
  const unvouched = [
    'failed 550 5.7.30 nothing vouches for the mail exchangers of the domain, which the sender requires with TLS',
  ];

  test.each([
    ['signed MX records', signed(true), undefined, delivered],
    ['MX records that are not signed', signed(false), undefined, unvouched],
    ['a resolver that nobody trusts', { mx: async () => exchangers }, undefined, unvouched],
    ['a policy of MTA-STS', sts, policyOf('enforce'), delivered],
    ['a policy in testing', sts, policyOf('testing'), unvouched],
    [
      'signatures that can not be looked up',
      {
        ...signed(true),
        dnssec: { ...signed(true).dnssec, mx: () => Promise.reject(new MailError('E_DNS', 'no')) },
      } as Partial<Resolver>,
      undefined,
      unvouched,
    ],
  ])('goes to the servers of a domain with %s', async (_name, resolver, fetchPolicy, expected) => {
    const server = await able();
    const made = harness({
      port: server.port,
      trusted: true,
      dane: false,
      resolver,
      ...(fetchPolicy && { fetchPolicy }),
    });
    expect(told(await made.deliver(mx, requiring))).toEqual(expected);
    // The header field says the opposite, and gives way (RFC 8689 section 5).
    const torn = { ...requiring, content: 'TLS-Required: No\r\n\r\nhello\r\n' };
    expect(told(await made.deliver(mx, torn))).toEqual(expected);
    if (expected === delivered) expect(server.lines.join()).toContain('> REQUIRETLS');
  });

  test('goes over no connection that was opened for less', async () => {
    const server = await able();
    const { deliver } = harness({
      port: server.port,
      trusted: true,
      tls: 'verified',
      resolver: signed(false),
      dane: false,
    });
    expect(told(await deliver(mx))).toEqual(delivered);
    expect(told(await deliver(mx, requiring))).toEqual(unvouched);
    expect(told(await deliver(mx))).toEqual(delivered);
    expect(server.connections).toBe(1);
  });
});
