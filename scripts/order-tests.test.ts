import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { TestSpecification } from 'vitest/node';
import { filesLeftOut, SlowFirst } from './order-tests.js';

it('begins with the slow files, whatever order they come in', async () => {
  const paths = ['/r/core/src/a.test.ts', '/r/plugins/p/test/b.test.ts', '/r/examples/e/c.e2e.test.ts'];
  const files = paths.map((moduleId) => ({ moduleId }) as TestSpecification);
  const sorted = await new SlowFirst({} as never).sort(files);
  expect(sorted.map((file) => file.moduleId)).toEqual([paths[2], paths[1], paths[0]]);
});

it('leaves out what a level does not have', () => {
  const root = mkdtempSync(join(tmpdir(), 'order-tests-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const put = (path: string, text: string) => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  for (const folder of ['core', 'engines', 'examples']) mkdirSync(join(root, folder));
  put('plugins/p/src/real.test.ts', 'it.skipIf(missing)(...)');
  put('plugins/p/src/own.test.ts', 'it(...)');
  put('plugins/p/src/simulation.test.ts', 'it(...)');
  put('plugins/p/test/whole.test.ts', 'it(...)');
  put('plugins/p/dist/real.test.ts', 'it.skipIf(missing)(...)');
  put('plugins/p/node_modules/q/real.test.ts', 'it.skipIf(missing)(...)');
  const alone = ['plugins/p/src/real.test.ts', 'plugins/p/src/simulation.test.ts'];
  expect(filesLeftOut(root, 'all')).toEqual([]);
  expect(filesLeftOut(root, 'alone').sort()).toEqual(alone);
  expect(filesLeftOut(root, 'units').sort()).toEqual([...alone, 'plugins/p/test/whole.test.ts']);
});
