import { bodyFromBytes } from '@postroad/core';
import { describe, expect, test } from 'vitest';
import { classify } from './classify.js';
import { wordsOfMessage } from './message-words.js';
import { tokensOf } from './tokens.js';

describe('tokens', () => {
  test('are words, and pairs by their distance, each once', () => {
    expect(tokensOf(['a'])).toHaveLength(1);
    // Three words, two neighbours, one pair with a word between.
    expect(tokensOf(['a', 'b', 'c'])).toHaveLength(6);
    expect(tokensOf(['a', 'b'])).not.toEqual(tokensOf(['b', 'a']));
    expect(tokensOf(Array.from({ length: 1_000 }, (_, at) => `w${at}`))).toHaveLength(1_000 + 4 * 1_000 - 10);
    expect(tokensOf(['a', 'a', 'a', 'a', 'a', 'a', 'a'])).toHaveLength(5);
    expect(tokensOf([])).toHaveLength(0);
  });
});

const words = (text: string, most = 100) =>
  wordsOfMessage(bodyFromBytes(Buffer.from(text.replace(/\n/g, '\r\n'))), most);

describe('words', () => {
  test('of header, text and links, in one form', async () => {
    const found = await words(
      'From: "Big Prize" <a@B.example>\nSubject: =?utf-8?Q?You_W=C3=8FN?=\n\nCLAIM it at https://Evil.example/x now!! 12345\n',
    );
    expect(found).toEqual(
      expect.arrayContaining([
        'subject:you',
        'subject:wïn',
        'from:a@b.example',
        'name:prize',
        'url:evil.example',
      ]),
    );
    expect(found).toEqual(expect.arrayContaining(['type:text/plain', 'claim', 'now!!', '#5']));
  });

  test('of HTML without what is not seen, and of words that tags cut', async () => {
    const found = await words(
      'Content-Type: text/html\n\n<style>secret</style>via<b></b>gra<!-- hidden -->s &#112;ills<a href="http://l.example">x</a>\n',
    );
    expect(found).toContain('viagras');
    expect(found).toContain('pills');
    expect(found).toContain('url:l.example');
    expect(found).not.toContain('secret');
    expect(found).not.toContain('hidden');
  });

  test('of scripts without blanks are pairs of characters', async () => {
    expect(await words('Subject: x\nContent-Type: text/plain; charset=utf-8\n\n中奖通知\n')).toEqual(
      expect.arrayContaining(['中奖', '奖通', '通知']),
    );
  });

  test.each([
    '<'.repeat(100_000),
    '<style>'.repeat(15_000),
    '<!--'.repeat(25_000),
    `href${' '.repeat(100_000)}`,
    'a.'.repeat(60_000),
    '&#1'.repeat(30_000),
  ])('of hostile text are bounded', async (text) => {
    expect((await words(`Content-Type: text/html\n\n${text}`, 50)).length).toBeLessThanOrEqual(50);
  });
});

const countsOf = (pairs: readonly (readonly number[])[]) => ({
  spam: Uint32Array.from(pairs, ([spam = 0]) => spam),
  ham: Uint32Array.from(pairs, ([, ham = 0]) => ham),
});

describe('the judgement', () => {
  const learnt = { spam: 100, ham: 100 };
  const many = (spam: number, ham: number, count = 30) =>
    countsOf(Array.from({ length: count }, () => [spam, ham]));

  test('is certain when all tokens agree, and open when nothing is known', () => {
    expect(classify(many(50, 0), learnt).probability).toBeGreaterThan(0.99);
    expect(classify(many(0, 50), learnt).probability).toBeLessThan(0.01);
    expect(classify(many(0, 0), learnt)).toEqual({ probability: 0.5, tokens: 0 });
    expect(
      classify(countsOf(Array.from({ length: 60 }, (_, at) => (at % 2 === 0 ? [50, 0] : [0, 50]))), learnt)
        .probability,
    ).toBeCloseTo(0.5, 5);
  });

  test('goes by rates: kinds that were learnt unequally weigh the same', () => {
    expect(classify(many(10, 10), { spam: 10, ham: 1_000 }).probability).toBeGreaterThan(0.9);
  });
});
