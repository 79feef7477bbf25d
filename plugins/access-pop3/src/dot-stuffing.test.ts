import { createSeededRandom } from '@postroad/core/testing';
import { describe, expect, it } from 'vitest';
import { DotStuffer, TopLimit } from './dot-stuffing.js';

/** What a client reads that takes CRLF for a line end: lines without their doubled dots, up to the lone one. */
function unstuff(answer: string): string {
  const end = answer.indexOf('\r\n.\r\n');
  const body = answer.startsWith('.\r\n') ? '' : answer.slice(0, end + 2);
  return body.replace(/(^|\r\n)\./g, '$1');
}

function stuff(chunks: readonly Buffer[]): string {
  const pieces: Buffer[] = [];
  const stuffer = new DotStuffer((piece) => pieces.push(Buffer.from(piece as string)));
  for (const chunk of chunks) stuffer.push(chunk);
  stuffer.end();
  return Buffer.concat(pieces).toString('latin1');
}

function cut(content: Buffer, next: () => number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < content.length; ) {
    const length = 1 + Math.floor(next() * 7);
    chunks.push(content.subarray(at, at + length));
    at += length;
  }
  return chunks;
}

describe('dot-stuffing', () => {
  it.each([
    ['', '\r\n.\r\n'],
    ['a', 'a\r\n.\r\n'],
    ['a\r\n', 'a\r\n.\r\n'],
    ['.', '..\r\n.\r\n'],
    ['.\r\n', '..\r\n.\r\n'],
    ['a\r\n.\r\n.b\r\n', 'a\r\n..\r\n..b\r\n.\r\n'],
    ['a.\r\nb.', 'a.\r\nb.\r\n.\r\n'],
    ['a\n.\nb\n', 'a\n..\nb\n\r\n.\r\n'],
    ['a\r', 'a\r\r\n.\r\n'],
  ])('of %j is %j', (content, answer) => {
    // An empty message has an empty line: RFC 1939 has no shorter multi-line answer that all clients read.
    expect(stuff(content === '' ? [] : [Buffer.from(content)])).toBe(content === '' ? '.\r\n' : answer);
  });

  it('is undone to the same octets, wherever the chunks are cut', () => {
    const seed = Math.floor(performance.now() * 1_000) % 2 ** 31;
    const random = createSeededRandom(seed);
    const letters = ['.', '\r\n', 'a', '\r\n.', '..', 'é', '\u0000', ' '];
    for (let round = 0; round < 500; round++) {
      const text = Array.from(
        { length: 1 + Math.floor(random.number() * 120) },
        () => letters[Math.floor(random.number() * letters.length)],
      ).join('');
      const content = Buffer.from(`${text}\r\n`);
      const chunks = round % 2 === 0 ? cut(content, random.number) : [content];
      expect(unstuff(stuff(chunks)), `seed ${seed}`).toBe(content.toString('latin1'));
      expect(stuff(cut(content, random.number)), `seed ${seed}`).toBe(stuff([content]));
    }
  });
});

it('a message of nothing but dots is handed on in few pieces', () => {
  let pieces = 0;
  let octets = 0;
  const stuffer = new DotStuffer((piece) => {
    pieces++;
    octets += piece.length;
  });
  stuffer.push(Buffer.alloc(3_000_000, '.\r\n'));
  stuffer.end();
  expect(octets).toBe(4_000_003);
  expect(pieces).toBeLessThan(150);
});

describe('the limit of TOP', () => {
  const content = Buffer.from('A: b\r\n\r\n1\r\n2\r\n3');
  it.each([
    [0, 'A: b\r\n\r\n'],
    [1, 'A: b\r\n\r\n1\r\n'],
    [2, 'A: b\r\n\r\n1\r\n2\r\n'],
    [3, 'A: b\r\n\r\n1\r\n2\r\n3'],
    [9, 'A: b\r\n\r\n1\r\n2\r\n3'],
  ])('for %i lines gives %j, wherever the chunks are cut', (lines, expected) => {
    for (let size = 1; size <= content.length; size++) {
      const limit = new TopLimit(8, lines);
      let taken = '';
      for (let at = 0; at < content.length; at += size) {
        taken += Buffer.from(limit.take(content.subarray(at, at + size))).toString();
        if (limit.isReached) break;
      }
      expect(taken, `chunks of ${size}`).toBe(expected);
    }
  });
});
