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

/**
 * The test files that speak with outside programs, as globs of `root`. They prove protocols, not Node.js: a
 * version between the oldest and the newest runs without them.
 */
export function filesWithPrograms(root: string): string[] {
  return ['core', 'plugins', 'engines', 'examples'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.test.ts') && !/(^|\/)(node_modules|dist)\//.test(file))
      .map((file) => `${folder}/${file}`)
      .filter((file) => /\.skipIf\(/.test(readFileSync(join(root, file), 'utf8'))),
  );
}
