import { expect, test } from 'vitest';
import { addressQuery, domainQuery } from './query-name.js';

const nibbles = '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2';

test.each([
  ['192.0.2.99', '99.2.0.192.bl.example'],
  ['2001:db8::1', `${nibbles}.bl.example`],
  ['2001:DB8:0:0::1', `${nibbles}.bl.example`],
  ['::ffff:192.0.2.99', '99.2.0.192.bl.example'],
  ['fe80::1%eth0', '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.e.f.bl.example'],
  ['64:ff9b::192.0.2.1', '1.0.2.0.0.0.0.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.bl.example'],
])('the address %s is asked for as %s', (address, query) => {
  expect(addressQuery(address, 'bl.example')).toBe(query);
});

test.each([
  ['Spam.Example.', 'spam.example.dbl.example'],
  ['bücher.example', 'xn--bcher-kva.example.dbl.example'],
])('the domain %s is asked for as %s', (domain, query) => {
  expect(domainQuery(domain, 'dbl.example')).toBe(query);
});

test.each(['[192.0.2.1]', '192.0.2.1', 'localhost', '', 'a b.example', `${'a.'.repeat(130)}example`])(
  'nothing is asked for %s',
  (domain) => {
    expect(domainQuery(domain, 'dbl.example')).toBeUndefined();
  },
);

test('what is no address is not asked for', () => {
  expect(addressQuery('not an address', 'bl.example')).toBeUndefined();
});
