import { expect, it } from 'vitest';
import { definePlugin } from '../plugin/define.js';
import { migrateCommand } from './commands/migrate.js';

async function run(args: Record<string, boolean>, pending: string[], lines: string[] = []): Promise<unknown> {
  const plugin = definePlugin({
    name: 'keeper',
    async migrate({ isCheckOnly, report }) {
      if (!isCheckOnly) for (const step of pending) report(`${step}: begins`);
      return isCheckOnly ? [...pending] : pending.splice(0);
    },
    setup() {},
  });
  const results: unknown[] = [];
  const context = {
    args,
    loadConfig: async () => ({
      plugins: [{ plugin: plugin() }, { plugin: definePlugin({ name: 'other', setup() {} })() }],
    }),
    terminal: {
      result: (given: unknown) => results.push(given),
      print: (line: string) => lines.push(line),
    },
  };
  await migrateCommand.run(context as never);
  return results[0];
}

it('lets each plugin apply what is pending, and tells what was done', async () => {
  const pending = ['first', 'second'];
  const lines: string[] = [];
  expect(await run({}, pending, lines)).toEqual([
    { plugin: 'keeper', step: 'first' },
    { plugin: 'keeper', step: 'second' },
  ]);
  expect(lines).toEqual(['first: begins', 'second: begins']);
  expect(await run({}, pending)).toEqual([]);
});

it('changes nothing when it only checks, and fails when something is pending', async () => {
  const pending = ['first'];
  await expect(run({ check: true }, pending)).rejects.toMatchObject({ code: 'E_START' });
  expect(pending).toEqual(['first']);
  expect(await run({ check: true }, [])).toEqual([]);
});
