import { expect, it } from 'vitest';
import type { Plain } from './cbor.js';
import { applyAnswer } from './patch.js';

const document: Plain = {
  action: 'accept',
  envelope: { from: { address: 'a@b' }, to: [{ address: 'c@d' }] },
  message: { headers: [{ name: 'A', value: '1' }] },
};

it('applies lists of set, delete and add', () => {
  expect(
    applyAnswer(document, {
      set: [
        { path: '/action', value: 'reject' },
        { path: '/response', value: { code: 550 } },
        { path: '/message/headers/0/value', value: '2' },
      ],
      add: [
        { path: '/message/headers', value: { name: 'B', value: 'b' } },
        { path: '/message/headers', value: { name: 'C', value: 'c' }, index: 0 },
      ],
      delete: [{ path: '/envelope/to/0' }],
    }),
  ).toEqual({
    action: 'reject',
    response: { code: 550 },
    envelope: { from: { address: 'a@b' }, to: [] },
    message: {
      headers: [
        { name: 'C', value: 'c' },
        { name: 'A', value: '2' },
        { name: 'B', value: 'b' },
      ],
    },
  });
  expect(document).toMatchObject({ action: 'accept', message: { headers: [{ value: '1' }] } });
});

it('applies a JSON Patch', () => {
  expect(
    applyAnswer(document, [
      { op: 'test', path: '/action', value: 'accept' },
      { op: 'replace', path: '/action', value: 'discard' },
      { op: 'add', path: '/message/headers/0', value: { name: 'X', value: 'x' } },
      { op: 'add', path: '/envelope/to/-', value: { address: 'e@f' } },
      { op: 'remove', path: '/envelope/from' },
    ]),
  ).toEqual({
    action: 'discard',
    envelope: { to: [{ address: 'c@d' }, { address: 'e@f' }] },
    message: {
      headers: [
        { name: 'X', value: 'x' },
        { name: 'A', value: '1' },
      ],
    },
  });
});

it.each<[string, Plain]>([
  ['no object', 'accept'],
  ['a list of nonsense', [1]],
  ['an operation that is not carried', [{ op: 'move', from: '/a', path: '/b' }]],
  ['a test that fails', [{ op: 'test', path: '/action', value: 'x' }]],
  ['no pointer', { set: [{ path: 'action', value: 1 }] }],
  ['no path', { set: [{ value: 1 }] }],
  ['a place that is not there', { set: [{ path: '/none/x', value: 1 }] }],
  ['an index beyond the end', { delete: [{ path: '/envelope/to/1' }] }],
  ['an index that is none', { add: [{ path: '/envelope/to', value: {}, index: -1 }] }],
  ['the prototype', { set: [{ path: '/__proto__/x', value: 1 }] }],
])('refuses %s', (_name, answer) => {
  expect(() => applyAnswer(document, answer)).toThrow();
});
