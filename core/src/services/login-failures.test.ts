import { describe, expect, it } from 'vitest';
import { createVirtualClock } from '../testing/virtual-clock.js';
import { createLoginFailures } from './login-failures.js';

describe('the wait after a wrong password', () => {
  it('doubles up to fifteen seconds, by address, and is forgotten after a quarter of an hour', async () => {
    const clock = createVirtualClock();
    const failures = createLoginFailures(clock);
    const waits = Array.from({ length: 6 }, () => failures.add('192.0.2.1', 1_000));
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
    expect(failures.add('192.0.2.2', 1_000)).toBe(1_000);
    await clock.advance(900_001);
    expect(failures.add('192.0.2.1', 1_000)).toBe(1_000);
  });

  it('counts an IPv6 network of 64 bits as one', () => {
    const failures = createLoginFailures(createVirtualClock());
    expect(failures.add('2001:db8:0:1::1', 1_000)).toBe(1_000);
    expect(failures.add('2001:db8:0:1:ffff::2', 1_000)).toBe(2_000);
    expect(failures.add('2001:db8::1:0:0:0:3', 1_000)).toBe(4_000);
    expect(failures.add('2001:db8:0:2::1', 1_000)).toBe(1_000);
    expect(failures.add('::1', 1_000)).toBe(1_000);
    expect(failures.add('fe80::1%eth0', 1_000)).toBe(1_000);
  });

  it('never waits when it is told so, and keeps its memory bounded', () => {
    const failures = createLoginFailures(createVirtualClock());
    expect([failures.add('192.0.2.1', 0), failures.add('192.0.2.1', 0)]).toEqual([0, 0]);
    const many = createLoginFailures(createVirtualClock());
    for (let i = 0; i < 10_001; i++) many.add(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 1_000);
    expect(many.add('10.0.0.0', 1_000), 'the quietest was forgotten').toBe(1_000);
    expect(many.add('10.0.39.16', 1_000)).toBe(2_000);
  });
});
