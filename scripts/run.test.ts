import { expect, it } from 'vitest';

it('runs', () => {
  expect(process.versions.node).toBeTypeOf('string');
});
