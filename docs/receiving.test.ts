/** The tables of receiving.md against what they tell of. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defaultReceiverLimits } from '@postroad/core';
import { expect, it } from 'vitest';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const text = readFileSync(join(root, 'docs', 'receiving.md'), 'utf8');

it('lists every limit with its default', () => {
  const listed = [...text.matchAll(/^\| `(\w+)` \| ([\d.]+) \|/gm)].map(([, name, value]) => [
    name,
    Number(value),
  ]);
  expect(Object.fromEntries(listed)).toEqual(defaultReceiverLimits);
});

it('names tests that are there', () => {
  const files = [...text.matchAll(/`([\w./-]+\.test\.ts)`/g)].map(([, file]) => file as string);
  expect(files.length).toBeGreaterThan(20);
  expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
});
