/** The tests that attacks.md names are there. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const lines = readFileSync(join(root, 'docs', 'attacks.md'), 'utf8').split('\n');
const rows = lines.filter((line) => line.startsWith('| ') && !line.startsWith('| what | answer |'));

it('names a test for each row, and only tests that are there', () => {
  expect(rows.length).toBeGreaterThan(40);
  const bad = rows.filter((row) => {
    const files = [...row.matchAll(/`([\w./-]+\.test\.ts)`/g)].map(([, file]) => file as string);
    return files.length === 0 || files.some((file) => !existsSync(join(root, file)));
  });
  expect(bad).toEqual([]);
});
