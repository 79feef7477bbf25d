import { expect, it } from 'vitest';
import { nearestWord } from './nearest.js';
import { resolvePaths } from './relative-paths.js';

it('makes paths absolute by the names of their keys, at any depth, and nothing else', () => {
  class Keeper {
    readonly file = 'kept';
  }
  const keeper = new Keeper();
  const value = {
    file: 'users',
    directory: '/data',
    certificateFile: '../tls/cert.pem',
    files: ['a', 'b'],
    profile: 'strict',
    socketTimeout: 'x',
    nested: [{ control: { socket: 'run/s' } }],
    keeper,
  };
  expect(resolvePaths(value, '/etc/postroad')).toEqual({
    ...value,
    file: '/etc/postroad/users',
    certificateFile: '/etc/tls/cert.pem',
    files: ['/etc/postroad/a', '/etc/postroad/b'],
    nested: [{ control: { socket: '/etc/postroad/run/s' } }],
  });
  expect((resolvePaths(value, '/etc') as { keeper: unknown }).keeper).toBe(keeper);
});

it.each([
  ['hostnam', 'hostname'],
  ['lsiteners', 'listeners'],
  ['zonez', 'zones'],
  ['PLUGINS', 'plugins'],
  ['banana', undefined],
  ['x'.repeat(100_000), undefined],
])('takes %s for %s', (word, expected) => {
  expect(nearestWord(word, ['hostname', 'listeners', 'plugins', 'zones', 'tls'])).toBe(expected);
});
