import { describe, expect, test } from 'vitest';
import type { DnsList } from './options.js';
import { codeReader } from './return-codes.js';

const list = (more: Partial<DnsList> = {}): DnsList => ({
  zone: 'bl.example',
  kind: 'block',
  of: 'address',
  action: 'score',
  timeoutMs: 1_000,
  onError: 'defer',
  hasTestEntries: true,
  ...more,
});

describe('answers', () => {
  test('without a map count with the weight of the list', () => {
    expect(codeReader(list())(['127.0.0.2'])).toEqual({ score: 3, isRejected: false, isAllowed: false });
    expect(codeReader(list({ kind: 'allow' }))(['127.0.5.1'])).toMatchObject({ score: -3, isAllowed: true });
    expect(codeReader(list({ action: 'reject', weight: 9 }))(['127.0.0.2'])).toMatchObject({
      score: 9,
      isRejected: true,
    });
    expect(codeReader(list())([])).toBe('unlisted');
  });

  test('with a map mean what it says, the heaviest of several', () => {
    const read = codeReader(
      list({ codes: { '127.0.0.2': 4, '127.0.0.4-7': 'reject', '127.0.1.*': 1, '127.0.0.10-11': 'ignore' } }),
    );
    expect(read(['127.0.0.2', '127.0.1.77'])).toMatchObject({ score: 4, isRejected: false });
    expect(read(['127.0.0.6'])).toMatchObject({ isRejected: true });
    expect(read(['127.0.0.10'])).toBe('unlisted');
    expect(read(['127.0.0.9'])).toBe('unlisted');
  });

  test.each(['203.0.113.7', '127.255.255.254', '127.0.0.1', '10.0.0.2', '::1', ''])(
    'that no list gives are no listing: %s',
    (answer) => {
      expect(codeReader(list())([answer])).toBe('broken');
      expect(codeReader(list())(['127.0.0.2', answer])).toBe('broken');
    },
  );

  test.each(['127.0.0', '127.0.0.2.3', '127.0.0.x', '127.0.0.4-'])('%s is no code', (code) => {
    expect(() => codeReader(list({ codes: { [code]: 1 } }))).toThrow(/is no return code/);
  });
});
