import { expect, test } from 'vitest';
import { networkOf, plainAddress } from './network.js';

test.each([
  ['192.0.2.77', undefined, '192.0.2.0/24'],
  ['::FFFF:192.0.2.77', undefined, '192.0.2.0/24'],
  ['192.0.2.77', { four: 28 }, '192.0.2.64/28'],
  ['192.0.2.77', { four: 32 }, '192.0.2.77/32'],
  ['192.0.2.77', { four: 0 }, '0.0.0.0/0'],
  ['2001:db8:0:1::77', undefined, '2001:db8:0:1::/64'],
  ['2001:DB8::1:2:3:4%eth0', undefined, '2001:db8:0:0::/64'],
  ['2001:db8:ffff::1', { six: 36 }, '2001:db8:f000::/36'],
  ['::1', { six: 128 }, '0:0:0:0:0:0:0:1/128'],
  ['64:ff9b::192.0.2.1', { six: 112 }, '64:ff9b:0:0:0:0:c000::/112'],
  ['', undefined, ''],
  ['unix', undefined, 'unix'],
])('the network of %s with %j is %s', (address, bits, network) => {
  expect(networkOf(address, bits)).toBe(network);
});

test('the plain form has neither a mapping nor a zone', () => {
  expect(plainAddress('::ffff:192.0.2.1')).toBe('192.0.2.1');
  expect(plainAddress('FE80::1%eth0')).toBe('fe80::1');
});
