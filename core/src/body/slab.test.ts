import { expect, it } from 'vitest';
import { createSlab, slabOctets } from './slab.js';

it('keeps copies that nobody writes to again, many to one piece of memory', () => {
  const slab = createSlab();
  const source = Buffer.alloc(1_000);
  const copies: Buffer[] = [];
  for (let number = 0; number < 200; number++) {
    source.fill(number);
    copies.push(slab.copy(source.subarray(0, 1 + number * 5)));
  }
  source.fill(255);
  copies.forEach((copy, number) => {
    expect(copy.equals(Buffer.alloc(1 + number * 5, number))).toBe(true);
  });
  const memories = new Set(copies.map(({ buffer }) => buffer));
  expect(memories.size).toBeLessThanOrEqual(3);
  for (const memory of memories) expect(memory.byteLength).toBe(slabOctets);
});

it('gives large pieces memory of their own', () => {
  const slab = createSlab();
  const small = slab.copy(Buffer.from('small'));
  const large = slab.copy(Buffer.alloc(slabOctets / 2, 7));
  expect(large.buffer).not.toBe(small.buffer);
  expect(large.equals(Buffer.alloc(slabOctets / 2, 7))).toBe(true);
  expect(slab.copy(Buffer.alloc(0))).toHaveLength(0);
});

it('puts two pieces together', () => {
  const slab = createSlab();
  expect(slab.copy(Buffer.from('body'), Buffer.from('head')).toString()).toBe('headbody');
  const large = slab.copy(Buffer.alloc(slabOctets, 1), Buffer.from([2]));
  expect([large.length, large[0], large.at(-1)]).toEqual([slabOctets + 1, 2, 1]);
});
