import { expect, test } from 'vitest';
import { chooseEgress } from './choose.js';

const question = { to: 'example.net', from: 'example.org', key: 'm1' };

test('each thing is decided by the first rule that fits and speaks of it', () => {
  const rules = [
    { to: ['other.example'], tls: 'none' as const },
    { to: ['*.example.net', 'example.net'], tls: 'verified' as const },
    {
      from: ['example.org'],
      tls: 'none' as const,
      sources: [{ address: '192.0.2.1', helloName: 'a.example.org' }],
    },
    { connectionsMax: 3 },
  ];
  expect(chooseEgress(rules, question)).toEqual({
    tls: 'verified',
    sourceAddress: '192.0.2.1',
    helloName: 'a.example.org',
    connectionsMax: 3,
  });
  expect(chooseEgress(rules, { ...question, to: 'mx.example.net', from: undefined })).toEqual({
    tls: 'verified',
    connectionsMax: 3,
  });
  expect(chooseEgress(rules.slice(0, 1), question)).toBeUndefined();
});

test('sources get their share by weight, and a message always the same one', () => {
  const rules = [{ sources: [{ address: '192.0.2.1', weight: 3 }, { address: '192.0.2.2' }] }];
  const choose = (key: string) => chooseEgress(rules, { ...question, key })?.sourceAddress;
  const chosen = Array.from({ length: 2_000 }, (_, index) => choose(`message${index}`));
  const share = chosen.filter((address) => address === '192.0.2.1').length / chosen.length;
  expect(share).toBeGreaterThan(0.7);
  expect(share).toBeLessThan(0.8);
  expect(choose('message7')).toBe(chosen[7]);
});
