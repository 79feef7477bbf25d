import { expect, test } from 'vitest';
import { chooseEgress as choose, type EgressQuestion } from './choose.js';
import type { EgressRule } from './options.js';
import { shareOfRule } from './share.js';
import { createSourceLimits } from './source-limits.js';

const chooseEgress = (rules: readonly EgressRule[], question: EgressQuestion) =>
  choose(rules, question, createSourceLimits());

const question = { to: 'example.net', from: 'example.org', key: 'm1', nowMs: 0 };

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
  const sourceOf = (key: string) => chooseEgress(rules, { ...question, key })?.sourceAddress;
  const chosen = Array.from({ length: 2_000 }, (_, index) => sourceOf(`message${index}`));
  const share = chosen.filter((address) => address === '192.0.2.1').length / chosen.length;
  expect(share).toBeGreaterThan(0.7);
  expect(share).toBeLessThan(0.8);
  expect(sourceOf('message7')).toBe(chosen[7]);
});

const hour = 3_600_000;
const start = Date.parse('2026-11-01');

test('a source that has sent what it may leaves the rest to the others, and then everything waits', () => {
  const limits = createSourceLimits();
  const sources = [
    { address: '192.0.2.1', weight: 1_000, messages: { count: 2, perMs: hour } },
    { address: '192.0.2.2', messages: { count: 1, perMs: hour } },
  ];
  const at = (nowMs: number) => choose([{ sources }], { ...question, key: 'm1', nowMs }, limits);
  expect([at(0), at(0), at(0)].map((one) => one?.sourceAddress)).toEqual([
    '192.0.2.1',
    '192.0.2.1',
    '192.0.2.2',
  ]);
  expect(at(0)).toEqual({ postponedUntilMs: hour / 2 });
  expect(at(hour / 2)?.sourceAddress).toBe('192.0.2.1');
});

test('a new source sends little at first, more each day, and then as much as the others', () => {
  const limits = createSourceLimits();
  const fresh = {
    address: '192.0.2.9',
    weight: 1_000_000,
    warmUp: { since: '2026-11-01', perDay: [24, 240] },
  };
  const rules = [{ sources: [fresh, { address: '192.0.2.1', weight: 0.001 }] }];
  const sent = (fromMs: number) => {
    let count = 0;
    for (let minute = 0; minute < 24 * 60; minute++) {
      const answer = choose(rules, { ...question, nowMs: fromMs + minute * 60_000 }, limits);
      if (answer?.sourceAddress === '192.0.2.9') count++;
    }
    return count;
  };
  expect(sent(start - 24 * hour)).toBe(0);
  expect(sent(start)).toBe(24);
  const second = sent(start + 24 * hour);
  expect(second).toBeGreaterThanOrEqual(230);
  expect(second).toBeLessThanOrEqual(250);
  expect(sent(start + 48 * hour)).toBe(24 * 60);
});

test('each of several workers keeps to its part', () => {
  const limits = createSourceLimits(4);
  const sources = [{ address: '192.0.2.1', messages: { count: 8, perMs: hour } }];
  const at = (nowMs: number, of = sources) => choose([{ sources: of }], { ...question, nowMs }, limits);
  expect([at(0), at(0)].map((one) => one?.sourceAddress)).toEqual(['192.0.2.1', '192.0.2.1']);
  expect(at(0)).toEqual({ postponedUntilMs: hour / 2 });
  const fresh = [{ address: '192.0.2.9', warmUp: { since: '2026-11-01', perDay: [24] } }];
  let sent = 0;
  for (let minute = 0; minute < 24 * 60; minute++) {
    if (at(start + minute * 60_000, fresh as never)?.sourceAddress !== undefined) sent++;
  }
  expect(sent).toBe(6);
  const rule = { connectionsMax: 10, connectionRate: { count: 8, perMs: hour }, messagesPerConnection: 50 };
  expect(shareOfRule(rule, 4)).toEqual({
    connectionsMax: 3,
    connectionRate: { count: 8, perMs: 4 * hour, burst: 2 },
    messagesPerConnection: 50,
  });
  expect(shareOfRule({ ...rule, connectionsMax: 2 }, 4).connectionsMax).toBe(1);
  expect(shareOfRule(rule, 1)).toEqual(rule);
});
