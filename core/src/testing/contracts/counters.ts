/** The contract suite that every `Counters` passes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Counters } from '../../services/counters.js';

/** Counters to test, and the time they live in. */
export interface OpenCounters {
  readonly counters: Counters;
  /** Lets time pass: moves a virtual clock, or waits when the engine has a clock of its own. */
  pass(durationMs: number): Promise<void>;
  close(): Promise<void>;
}

const hourMs = 3_600_000;

/** Runs the suite with vitest; the suite closes what `open` made. */
export function countersContract(name: string, open: () => Promise<OpenCounters>): void {
  describe(`${name} as Counters`, () => {
    let opened: OpenCounters;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened?.close());
    rates(() => opened);
    values(() => opened);
  });
}

function rates(use: () => OpenCounters): void {
  it('lets a burst through, then refuses and says how long to wait', async () => {
    const { counters } = use();
    const rate = { units: 2, perMs: hourMs, burst: 3 };
    for (let count = 0; count < 3; count++) {
      expect(await counters.take('test:burst', rate)).toEqual({ isAllowed: true, retryAfterMs: 0 });
    }
    const refused = await counters.take('test:burst', rate);
    expect(refused.isAllowed).toBe(false);
    expect(refused.retryAfterMs).toBeGreaterThan(hourMs / 2 - 60_000);
    expect(refused.retryAfterMs).toBeLessThanOrEqual(hourMs / 2);
    expect((await counters.take('test:other', rate)).isAllowed).toBe(true);
  });

  it('does not count what it refuses', async () => {
    const { counters } = use();
    const rate = { units: 10, perMs: hourMs, burst: 1 };
    expect((await counters.take('test:refused', rate)).isAllowed).toBe(true);
    for (let count = 0; count < 20; count++) {
      expect((await counters.take('test:refused', rate)).isAllowed).toBe(false);
    }
    // With room for one more there is room: had a refused one counted, there would be none for hours.
    expect((await counters.take('test:refused', { ...rate, burst: 2 })).isAllowed).toBe(true);
  });

  it('takes several units at once or none of them', async () => {
    const { counters } = use();
    const rate = { units: 10, perMs: hourMs };
    expect((await counters.take('test:units', rate, 8)).isAllowed).toBe(true);
    expect((await counters.take('test:units', rate, 3)).isAllowed).toBe(false);
    expect((await counters.take('test:units', rate, 2)).isAllowed).toBe(true);
  });
}

function values(use: () => OpenCounters): void {
  it('adds, reads and deletes', async () => {
    const { counters } = use();
    expect(await counters.get('test:sum')).toBeUndefined();
    expect(await counters.add('test:sum', 2, hourMs)).toBe(2);
    expect(await counters.add('test:sum', -0.5, hourMs)).toBe(1.5);
    expect(await counters.get('test:sum')).toBe('1.5');
    expect(await counters.delete('test:sum')).toBe(true);
    expect(await counters.delete('test:sum')).toBe(false);
    expect(await counters.get('test:sum')).toBeUndefined();
  });

  it('adds of many at the same moment are all counted', async () => {
    const { counters } = use();
    await Promise.all(Array.from({ length: 50 }, () => counters.add('test:many', 1, hourMs)));
    expect(await counters.get('test:many')).toBe('50');
  });

  it('keeps the first value of those who set if absent', async () => {
    const { counters } = use();
    expect(await counters.setIfAbsent('test:first', 'één', hourMs)).toBe('één');
    expect(await counters.setIfAbsent('test:first', 'two', hourMs)).toBe('één');
    await counters.set('test:first', 'three', hourMs);
    expect(await counters.get('test:first')).toBe('three');
  });

  it('forgets in time', async () => {
    const { counters, pass } = use();
    await counters.set('test:short', 'x', 50);
    await counters.set('test:long', 'x', hourMs);
    await pass(150);
    expect(await counters.get('test:short')).toBeUndefined();
    expect(await counters.get('test:long')).toBe('x');
    expect(await counters.setIfAbsent('test:short', 'y', hourMs)).toBe('y');
  });

  it('lists what begins with a prefix, whatever characters are in it', async () => {
    const { counters } = use();
    for (const key of ['list:a*?[x]', 'list:b', 'listen:c']) await counters.set(key, 'v', hourMs);
    const found: string[] = [];
    for await (const entry of counters.entries('list:')) {
      found.push(entry.key);
      expect(entry.value).toBe('v');
      expect(entry.expiresAtMs).toBeGreaterThan(0);
    }
    expect(found.sort()).toEqual(['list:a*?[x]', 'list:b']);
    const special: string[] = [];
    for await (const { key } of counters.entries('list:a*?[')) special.push(key);
    expect(special).toEqual(['list:a*?[x]']);
  });
}
