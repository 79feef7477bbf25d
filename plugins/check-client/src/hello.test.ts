import { expect, test } from 'vitest';
import { helloProblem } from './hello.js';

const ours = new Set(['mx.example.org', 'xn--bcher-kva.example']);

test.each([
  ['mail.example.net', '192.0.2.1', undefined],
  ['[192.0.2.1]', '192.0.2.1', undefined],
  ['[192.0.2.1]', '::ffff:192.0.2.1', undefined],
  ['[IPv6:2001:DB8:0::1]', '2001:db8::1', undefined],
  ['[192.0.2.2]', '192.0.2.1', 'wrongLiteral'],
  ['[IPv6:2001:db8::2]', '2001:db8::1', 'wrongLiteral'],
  ['[nonsense]', '192.0.2.1', 'wrongLiteral'],
  ['MX.Example.Org', '192.0.2.1', 'ourHello'],
  ['mx.example.org.', '192.0.2.1', 'ourHello'],
  ['bücher.example', '192.0.2.1', 'ourHello'],
  ['localhost', '192.0.2.1', 'bareHello'],
  ['192.0.2.1', '192.0.2.1', 'bareHello'],
  ['a..b', '192.0.2.1', 'bareHello'],
])('%s from %s: %s', (name, address, rule) => {
  expect(helloProblem(name, address, ours)?.rule).toBe(rule);
});
