import { expect, it } from 'vitest';
import { decodeCbor, encodeCbor, type Plain } from './cbor.js';

const hex = (text: string) => Buffer.from(text, 'hex');

// Examples of RFC 8949 appendix A.
it.each([
  ['00', 0],
  ['1818', 24],
  ['1903e8', 1000],
  ['1b000000e8d4a51000', 1_000_000_000_000],
  ['3903e7', -1000],
  ['f93c00', 1],
  ['f97c00', Number.POSITIVE_INFINITY],
  ['fa47c35000', 100_000],
  ['fbc010666666666666', -4.1],
  ['f5', true],
  ['f6', null],
  ['f7', null],
  ['6449455446', 'IETF'],
  ['62c3bc', 'ü'],
  ['83010203', [1, 2, 3]],
  ['a26161016162820203', { a: 1, b: [2, 3] }],
  ['7f657374726561646d696e67ff', 'streaming'],
  ['9f018202039f0405ffff', [1, [2, 3], [4, 5]]],
  ['bf61610161629f0203ffff', { a: 1, b: [2, 3] }],
  ['c074323031332d30332d32315432303a30343a30305a', '2013-03-21T20:04:00Z'],
] as const)('decodes %s', (octets, value) => {
  expect(decodeCbor(hex(octets))).toEqual(value);
});

it('decodes what it encodes', () => {
  const value: Plain = {
    text: 'ü'.repeat(300),
    numbers: [0, 23, 24, 255, 256, 65_536, 4_294_967_296, -1, -500, 1.5],
    nested: { a: { b: [null, true, false, ''] } },
    octets: Buffer.from([0, 255]),
  };
  const back = decodeCbor(encodeCbor(value)) as Record<string, unknown>;
  expect(back).toEqual({ ...value, octets: Buffer.from([0, 255]) });
});

it.each([
  '',
  '61',
  '8201',
  'ff',
  '0000',
  'a1',
  'a10102',
  '1c',
  'f8ff',
  '1bffffffffffffffff',
  '5f6161ff00',
  '1f',
  '81'.repeat(100),
  '9bffffffffffffff00',
])('refuses %s', (octets) => {
  expect(() => decodeCbor(hex(octets))).toThrow(RangeError);
});
