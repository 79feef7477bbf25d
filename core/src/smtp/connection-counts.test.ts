import { describe, expect, it } from 'vitest';
import { ConnectionCounts, networkOf } from './connection-counts.js';
import { defaultReceiverLimits } from './receiver.js';

describe('networkOf', () => {
  it.each([
    ['192.0.2.77', '192.0.2'],
    ['::ffff:192.0.2.77', '192.0.2'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8::5', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
  ])('%s belongs to %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});

describe('ConnectionCounts', () => {
  const limits = {
    ...defaultReceiverLimits,
    connectionsMax: 5,
    connectionsPerAddressMax: 2,
    connectionsPerNetworkMax: 3,
  };

  it('limits each address, each network and all, and forgets what has left', () => {
    const counts = new ConnectionCounts();
    expect(counts.enter('192.0.2.1', limits)).toBeUndefined();
    expect(counts.enter('192.0.2.1', limits)).toBeUndefined();
    expect(counts.enter('192.0.2.1', limits)).toBe('address');
    expect(counts.enter('192.0.2.2', limits)).toBeUndefined();
    expect(counts.enter('192.0.2.3', limits)).toBe('network');
    expect(counts.enter('2001:db8::1', limits)).toBeUndefined();
    expect(counts.enter('', limits)).toBeUndefined();
    expect(counts.enter('198.51.100.1', limits)).toBe('all');
    counts.leave('192.0.2.1');
    expect(counts.enter('192.0.2.1', limits)).toBeUndefined();
    for (const address of ['192.0.2.1', '192.0.2.1', '192.0.2.2', '2001:db8::1', '']) counts.leave(address);
    expect(counts.total).toBe(0);
  });
});
