import { expect, test } from 'vitest';
import { OctetWriter } from './octet-writer.js';

test('numbers of every length, and octets between them', () => {
  const numbers = [0, 9, 10, 99, 100, 2 ** 30 - 1, 2 ** 30, 2 ** 32 - 1, 2 ** 53 - 1];
  for (let power = 1; power < 2 ** 30; power *= 10) numbers.push(power - 1, power, power + 1);
  const writer = new OctetWriter(10);
  for (const number of numbers) {
    writer.addNumber(number);
    writer.add(Buffer.from(' '));
  }
  expect(Buffer.from(writer.take()).toString()).toBe(`${numbers.join(' ')} `);
  expect(writer.length).toBe(0);
});
