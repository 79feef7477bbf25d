import { startTestMta } from '@postroad/core/testing';
import { expect, test } from 'vitest';
import { type CheckContentOptions, checkContent } from './index.js';

test('refuses the start with rules that are none', async () => {
  const options = { rules: ['nonsense'] } as unknown as CheckContentOptions;
  await expect(startTestMta({ plugins: [checkContent(options)] })).rejects.toThrow(/is no rule/);
});

test('explains every rule that is on, with its action and bounds', async () => {
  await using server = await startTestMta({
    plugins: [
      checkContent({
        macros: 'off',
        rules: [{ name: 'own', description: 'of mine', check: () => undefined }],
      }),
    ],
  });
  const hook = server.mta.explain().hooks.find((one) => one.hook === 'inspect');
  const described = hook?.checks[0]?.description ?? '';
  expect(described).toContain('missingField 2 points (from, date)');
  expect(described).toContain('bomb reject (3 deep, 2000 files, 67108864 octets unpacked)');
  expect(described).toContain('own own rule (of mine)');
  expect(described).not.toContain('macros');
});
