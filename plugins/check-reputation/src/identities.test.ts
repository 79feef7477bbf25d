import { describe, expect, test } from 'vitest';
import { combine, markOf } from './combine.js';
import { provenIdentities, readIdentity } from './identities.js';

describe('what counts as proven', () => {
  const dkim = { selector: 's', algorithm: 'a', isWhole: true } as const;
  const path = { localPart: 'Ann', domain: 'Example.org' };

  test('is a signature over the whole body, and a sender that SPF or DMARC stands behind', () => {
    const found = provenIdentities(
      {
        dkim: [
          { ...dkim, result: 'pass', domain: 'a.example' },
          { ...dkim, result: 'pass', domain: 'a.example' },
          { ...dkim, result: 'fail', domain: 'b.example' },
          { ...dkim, result: 'pass', domain: 'c.example', isWhole: false },
        ],
        spf: { result: 'pass', domain: 'example.org', scope: 'mailfrom' },
        results: [],
      },
      path,
    );
    expect(found).toEqual([
      { kind: 'domain', value: 'a.example' },
      { kind: 'sender', value: 'ann@example.org' },
    ]);
    const helo = { result: 'pass', domain: 'example.org', scope: 'helo' } as const;
    expect(provenIdentities({ dkim: [], spf: helo, results: [] }, path)).toEqual([]);
  });

  test('has a bound on signatures, and on the length of keys', () => {
    const domains = Array.from(
      { length: 50 },
      (_, at) => `d${at}.${'x'.repeat(60)}.${'y'.repeat(60)}.${'z'.repeat(120)}`,
    );
    const signatures = domains.map((domain) => ({ ...dkim, result: 'pass' as const, domain }));
    const found = provenIdentities({ dkim: signatures, results: [] }, null);
    expect(found).toHaveLength(3);
    expect(found.every(({ value }) => value.length < 50)).toBe(true);
  });

  test('an operator names it as it is kept', () => {
    const bits = { four: 24, six: 48 };
    expect(readIdentity('192.0.2.1', bits)).toEqual({ kind: 'address', value: '192.0.2.1' });
    expect(readIdentity('192.0.2.0/24', bits)).toEqual({ kind: 'network', value: '192.0.2.0/24' });
    expect(readIdentity('2001:DB8::1', bits)).toEqual({ kind: 'address', value: '2001:db8:0:0::/64' });
    expect(readIdentity('2001:db8::/48', bits)).toEqual({ kind: 'network', value: '2001:db8:0::/48' });
    expect(readIdentity('Ann@Example.org', bits)).toEqual({ kind: 'sender', value: 'ann@example.org' });
    expect(readIdentity('Example.org', bits)).toEqual({ kind: 'domain', value: 'example.org' });
  });
});

test('one identity that is hardly known can not outweigh one that is known well', () => {
  const config = {
    weights: { address: 1, network: 0.5, domain: 1, sender: 0.7 },
    strength: 5,
  } as Parameters<typeof combine>[1];
  const good = { kind: 'domain', value: -0.9, seen: 100 } as const;
  const fresh = { kind: 'address', value: 0.16, seen: 1 } as const;
  expect(combine([good, fresh], config)).toBeLessThan(-0.5);
  expect(combine([], config)).toBe(0);
  expect([markOf(5, 5), markOf(99, 5), markOf(2.5, 5), markOf(0, 5), markOf(-9, 5)]).toEqual([
    1, 1, 0, -1, -1,
  ]);
});
