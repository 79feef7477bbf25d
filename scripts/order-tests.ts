// Which test files run, and in which order.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take long begin first, so that at the end no process waits for the other's long file. */
const SLOW = [/simulat/, /\.e2e\.test\.ts$/, /\/test\//, /store|queue/];

/** Sorts slow files to the front; within a kind by path, so that a run can be repeated. */
export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return [...files].sort(
      (a, b) =>
        rank(a.moduleId) - rank(b.moduleId) ||
        (a.moduleId < b.moduleId ? -1 : a.moduleId > b.moduleId ? 1 : 0),
    );
  }
}

function rank(path: string): number {
  const found = SLOW.findIndex((pattern) => pattern.test(path));
  return found < 0 ? SLOW.length : found;
}

/** How much of the tests a run has: `TESTS=alone` or `TESTS=units` in the environment; all of them without it. */
export type TestLevel = 'all' | 'alone' | 'units';

/**
 * The test files that a level leaves out, as globs of `root`. `alone`: those that speak with outside programs, which prove
 * protocols and not Node.js, the simulations, which are the same run everywhere, and those that kill processes to see what
 * is on the disk. `units`: also those that stand outside of the sources, most of which start whole programs.
 */
export function filesLeftOut(root: string, level: TestLevel): string[] {
  if (level === 'all') return [];
  return ['core', 'plugins', 'engines', 'examples'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.test.ts') && !/(^|\/)(node_modules|dist)\//.test(file))
      .map((file) => `${folder}/${file}`)
      .filter((file) => isLeftOut(file, level, () => readFileSync(join(root, file), 'utf8'))),
  );
}

function isLeftOut(file: string, level: TestLevel, text: () => string): boolean {
  if (level === 'units' && !file.includes('/src/')) return true;
  return /simulat|durability|kill/.test(file) || /\.skipIf\(/.test(text());
}
