import { expect, it } from 'vitest';
import { isInRange } from './version-range.js';

it.each([
  ['0.1.0', '^0.1.0', true],
  ['0.1.9', '^0.1.0', true],
  ['0.2.0', '^0.1.0', false],
  ['0.0.3', '^0.0.3', true],
  ['0.0.4', '^0.0.3', false],
  ['0.0.4', '^0.0', true],
  ['1.9.0', '^1.2.3', true],
  ['2.0.0', '^1.2.3', false],
  ['1.2.9', '~1.2.3', true],
  ['1.3.0', '~1.2.3', false],
  ['1.3.0', '1.x', true],
  ['2.0.0', '1.*', false],
  ['1.2.5', '1.2', true],
  ['1.3.0', '1.2', false],
  ['1.5.0', '>=1.2 <2', true],
  ['2.0.0', '>= 1.2 < 2', false],
  ['2.0.0', '<=2', true],
  ['3.0.0', '<=2', false],
  ['1.2.1', '>1.2', false],
  ['1.3.0', '>1.2', true],
  ['4.0.0', '^1.0.0 || ^4.0.0', true],
  ['3.0.0', '^1.0.0 || ^4.0.0', false],
  ['9.9.9', '*', true],
  ['9.9.9', '', true],
  ['0.1.0-beta.2', '^0.1.0', true],
])('says of %s in %s: %s', (version, range, expected) => {
  expect(isInRange(version, range)).toBe(expected);
});

it.each(['next', '^', '1.2.3.4', '^1.0.0 || latest'])('cannot read %s', (range) => {
  expect(isInRange('1.0.0', range)).toBeUndefined();
});
