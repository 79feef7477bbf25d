import { defineConfig } from 'vitest/config';
import { filesLeftOut, SlowFirst, type TestLevel } from './scripts/order-tests.js';
import { watchTests } from './scripts/watch-tests.js';

const leftOut = filesLeftOut(import.meta.dirname, (process.env.TESTS ?? 'all') as TestLevel);

// Core's own tests import its sources by relative path. Every other package's tests reach the built
// `@postroad/core` through node_modules, so there is one copy of it: build before running them.
export default defineConfig({
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: {
    include: [
      'core/src/**/*.test.ts',
      'engines/*/src/**/*.test.ts',
      'plugins/*/src/**/*.test.ts',
      'plugins/*/test/**/*.test.ts',
      'examples/*/**/*.test.ts',
      'scripts/**/*.test.ts',
      'docs/**/*.test.ts',
    ],
    exclude: ['**/node_modules/**', '**/dist/**', ...leftOut],
    reporters: ['default', watchTests()],
    sequence: { sequencer: SlowFirst },
    pool: 'forks',
    // Files share the two processes: loading everything anew for each took half of the time. What a file opens it closes.
    isolate: false,
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 90_000,
    // What a test waits for comes soon, but a machine may be busy: it fails when it does not come at all.
    expect: { poll: { timeout: 15_000 } },
  },
});
