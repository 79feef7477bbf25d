import { expect, it } from 'vitest';
import type { Body } from '../body/body.js';
import { bodyFromBytes } from '../body/inline-body.js';
import { structureOf } from './structure-of.js';

it('reads a body once, and again when it could not be read', async () => {
  const body = bodyFromBytes(Buffer.from('Subject: x\r\n\r\ny\r\n'));
  const first = structureOf(body);
  expect(structureOf(body)).toBe(first);
  expect((await first).envelope.subject).toBe('x');
  let opened = 0;
  const broken = {
    inline: undefined,
    // biome-ignore lint/correctness/useYield: it fails before it could.
    async *open() {
      opened++;
      throw new Error('gone');
    },
  } as unknown as Body;
  await expect(structureOf(broken)).rejects.toThrow('gone');
  await expect(structureOf(broken)).rejects.toThrow('gone');
  expect(opened).toBe(2);
});
