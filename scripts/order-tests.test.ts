import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { TestSpecification } from 'vitest/node';
import { filesWithPrograms, SlowFirst } from './order-tests.js';

it('begins with the slow files, whatever order they come in', async () => {
  const paths = ['/r/core/src/a.test.ts', '/r/plugins/p/test/b.test.ts', '/r/examples/e/c.e2e.test.ts'];
  const files = paths.map((moduleId) => ({ moduleId }) as TestSpecification);
  const sorted = await new SlowFirst({} as never).sort(files);
  expect(sorted.map((file) => file.moduleId)).toEqual([paths[2], paths[1], paths[0]]);
});

it('knows a file that speaks with outside programs, in sources and test folders alike', () => {
  const root = mkdtempSync(join(tmpdir(), 'order-tests-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const put = (path: string, text: string) => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  for (const folder of ['core', 'engines', 'examples']) mkdirSync(join(root, folder));
  put('plugins/p/test/real.test.ts', 'it.skipIf(missing)(...)');
  put('plugins/p/src/own.test.ts', 'it(...)');
  put('plugins/p/dist/real.test.ts', 'it.skipIf(missing)(...)');
  put('plugins/p/node_modules/q/real.test.ts', 'it.skipIf(missing)(...)');
  expect(filesWithPrograms(root)).toEqual(['plugins/p/test/real.test.ts']);
});
