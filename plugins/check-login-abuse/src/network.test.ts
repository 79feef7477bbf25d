import { describe, expect, it } from 'vitest';
import { networkOf } from './network.js';

describe('networkOf', () => {
  it.each([
    ['192.0.2.77', 32, '192.0.2.77'],
    ['192.0.2.77', 24, '192.0.2.0/24'],
    ['192.0.2.77', 20, '192.0.0.0/20'],
    ['::ffff:192.0.2.77', 24, '192.0.2.0/24'],
    ['2001:DB8:1:2:3:4:5:6', 64, '2001:db8:1:2::/64'],
    ['2001:db8:1:2:ffff::6', 64, '2001:db8:1:2::/64'],
    ['2001:db8:1:ff02::', 56, '2001:db8:1:ff00::/56'],
    ['2001:db8::1', 48, '2001:db8::/48'],
    ['2001:db8::1', 128, '2001:db8::1'],
    ['fe80::1%eth0', 64, 'fe80::/64'],
    ['64:ff9b::192.0.2.33', 128, '64:ff9b::c000:221'],
    ['::', 64, '::/64'],
    ['alice', 24, undefined],
    ['', 24, undefined],
    ['192.0.2.256', 24, undefined],
  ])('%s with %i bits is %s', (address, bits, network) => {
    expect(networkOf(address, bits)).toBe(network);
  });
});
