import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { TestCase, TestModule } from 'vitest/node';
import { watchTests } from './watch-tests.js';

/** A whole Vitest starts, which is slow on a busy machine. */
const limits = { timeout: 90_000 };
const root = join(import.meta.dirname, '..');

/** Runs one test file below a config that ends after some seconds of standing still: to load it may take a while on a busy machine. */
async function runFile(text: string) {
  const folder = await mkdtemp(join(root, 'node_modules', '.watch-'));
  try {
    await writeFile(join(folder, 'one.test.ts'), text);
    const config = `import { watchTests } from ${JSON.stringify(join(root, 'scripts', 'watch-tests.ts'))};
      export default { test: { include: ['one.test.ts'], pool: 'forks', reporters: ['default', watchTests(5000)] } };`;
    await writeFile(join(folder, 'vitest.config.ts'), config);
    const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
    const { VITEST, VITEST_POOL_ID, VITEST_WORKER_ID, VITEST_MODE, ...env } = process.env;
    const options = { cwd: folder, env, encoding: 'utf8', timeout: 80_000 } as const;
    return spawnSync(process.execPath, [vitest, 'run', '--root', folder], options);
  } finally {
    await rm(folder, { recursive: true });
  }
}

it('ends a run that stands still, and tells in which test', limits, async () => {
  const { status, stderr } = await runFile(
    "import { it } from 'vitest';\nit('goes round and round', async () => { await new Promise((done) => setTimeout(done, 400)); for (;;); });",
  );
  expect(stderr).toMatch(/stands still for 5 s.*:\n {2}one\.test\.ts\n {4}goes round and round\n/);
  expect(stderr).toMatch(/\d+ \S+ \S*node/);
  expect(status).toBe(75);
});

it('says nothing of one that moves', limits, async () => {
  const { status, stderr } = await runFile("import { it } from 'vitest';\nit('is quick', () => {});");
  expect(stderr).not.toContain('stands still');
  expect(status).toBe(0);
});

it('does not mind what is told of a test after the end of its file', async () => {
  const told: string[] = [];
  const reporter = watchTests(20, (text) => told.push(text));
  const module = { relativeModuleId: 'one.test.ts' } as TestModule;
  await reporter.onTestRunStart?.([]);
  await reporter.onTestModuleQueued?.(module);
  await reporter.onTestModuleEnd?.(module);
  await reporter.onTestCaseResult?.({ module, fullName: 'late' } as TestCase);
  const other = { relativeModuleId: 'two.test.ts' } as TestModule;
  await reporter.onTestModuleQueued?.(other);
  await expect.poll(() => told).toHaveLength(1);
  expect(told[0]).toContain('two.test.ts');
  expect(told[0]).not.toContain('one.test.ts');
});
