import { expect, test } from 'vitest';
import { parseCapabilities } from './capabilities.js';

test.each([
  ['SIZE 1000', 1_000],
  ['size 1000 and more', 1_000],
  ['SIZE', 0],
  ['SIZE 0', 0],
  ['SIZE -1', 0],
  ['SIZE 0x10', 0],
  ['SIZE 1e1', 0],
  ['SIZE 1.5', 0],
  ['SIZE NaN', 0],
  ['SIZE 99999999999999999999', 0],
  [`SIZE ${'9'.repeat(5_000)}`, 0],
  ['SIZE=10', 0],
])('%s is a limit of %i octets', (line, expected) => {
  expect(parseCapabilities(['mx.test', line]).sizeBytesMax).toBe(expected);
});

test('names that mean something to JavaScript are only names', () => {
  const capabilities = parseCapabilities([
    'mx.test',
    '__proto__ x',
    'constructor',
    'PIPELINING',
    'AUTH=PLAIN',
  ]);
  expect(capabilities.has('PIPELINING')).toBe(true);
  expect(capabilities.has('TOSTRING')).toBe(false);
  expect(capabilities.words('AUTH')).toEqual(['PLAIN']);
});
