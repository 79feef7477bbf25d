import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAddress, parseAddress, parseDomain, parsePath } from './address.js';

describe('parseAddress', () => {
  it.each([
    '',
    'alice',
    'postmaster',
    '@example.org',
    'alice@',
    'a b@example.org',
    '"a\r\nRCPT TO:<eve@example.org>"@example.org',
    '"a\u0000"@example.org',
    '"a\\\n"@example.org',
    '"\ufffd"@example.org',
    '"a@example.org',
    '"a"b@example.org',
    'a@example.org>',
    'a@exa mple.org',
    'a@example..org',
    'a@.example.org',
    'a@-example.org',
    'a@[192.0.2.300]',
    'a@[IPv6:fe80::1%eth0]',
    `${'a'.repeat(65)}@example.org`,
    `"${'a b'.repeat(22)}"@example.org`,
    `ü${'ü'.repeat(32)}@example.org`,
    `a@${'b'.repeat(64)}.example`,
    `a@${'b.'.repeat(125)}example`,
  ])('takes %j for none', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  it('reads back what it wrote, whatever the local part', () => {
    const local = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
      .filter(
        (text) => !/[\u0000-\u001f\u007f\ufffd\ud800-\udfff]/.test(text) && Buffer.byteLength(text) <= 64,
      );
    fc.assert(
      fc.property(local, (localPart) => {
        const address = { localPart, domain: 'example.org' };
        expect(parseAddress(formatAddress(address))).toEqual(address);
        expect(formatAddress(address)).not.toMatch(/[\r\n]/);
      }),
      { numRuns: 200 },
    );
  });

  it('ends a path where it ends, whatever is quoted in it', () => {
    const text = '<"a>b\\"@c"@example.org> SIZE=1';
    const path = parsePath(text, 0);
    expect(path?.address).toEqual({ localPart: 'a>b"@c', domain: 'example.org' });
    expect(text.slice(path?.end)).toBe(' SIZE=1');
  });
});

it('a domain has at most 255 octets and labels of 63', () => {
  const label = 'a'.repeat(63);
  expect(parseDomain(`${label}.${label}.${label}.${label}`)).toBeDefined();
  expect(parseDomain(`${label}.${label}.${label}.${label}.b`)).toBeUndefined();
  expect(parseDomain(`${label}a.example`)).toBeUndefined();
  expect(parseDomain('Bücher.EXAMPLE')).toBe('bücher.example');
});
