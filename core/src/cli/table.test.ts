import { expect, it } from 'vitest';
import { formatDelay } from './queue-rows.js';
import { createTable } from './table.js';

const plain = { hasColour: false, width: undefined };

it('aligns columns, names them once, and marks what is not there', () => {
  const table = createTable(plain);
  expect(table.lines([])).toEqual([]);
  expect(table.lines([{ id: 'a', lastAnswer: undefined }])).toEqual(['ID  LAST ANSWER', 'a   –']);
  expect(table.lines([{ id: 'b', lastAnswer: 'later' }])).toEqual(['b   later']);
});

it('lets no control character of a peer through to the terminal', () => {
  const [, row] = createTable(plain).lines([{ answer: '550 \u001b]0;owned\u0007\r\n\u009b2Jno' }]);
  expect(row).toBe('550  ]0;owned 2Jno');
});

it('cuts long values, and lines at the width of the terminal', () => {
  const [, row = ''] = createTable(plain).lines([{ value: 'x'.repeat(500), next: 1 }]);
  expect(row).toBe(`${'x'.repeat(59)}…  1`);
  const narrow = createTable({ hasColour: false, width: 40 }).lines([{ value: 'x'.repeat(500), next: 1 }]);
  expect(narrow.map((line) => line.length)).toEqual([40, 40]);
});

it.each([
  [-5, 'now'],
  [1_200, 'in 2s'],
  [61_000, 'in 1m'],
  [3_900_000, 'in 1h 05m'],
  [400_000_000, 'in 4d 15h'],
])('writes %i ms as %s', (delayMs, expected) => {
  expect(formatDelay(delayMs)).toBe(expected);
});
