import { describe, expect, it } from 'vitest';
import { ConnectionCounts } from './connection-counts.js';
import { defaultReceiverLimits } from './receiver.js';

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
