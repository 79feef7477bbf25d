import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bodyFromBytes } from '../body/inline-body.js';
import { inPieces } from './body-in-pieces.js';
import { parseStructure } from './parse-structure.js';
import type { MimePart } from './structure.js';

describe('parseStructure on rubbish', () => {
  const word = fc.constantFrom(
    '\r\n',
    '\r\n\r\n',
    '\n',
    '\r',
    '--',
    '--a',
    '--a--',
    '--b',
    '--b--',
    'x',
    '\0',
    '\xff',
    ' ',
    ';',
    '"',
    '(',
    'Content-Type: multipart/mixed; boundary=a\r\n\r\n',
    'Content-Type: multipart/digest; boundary="b"\r\n\r\n',
    'Content-Type: message/rfc822\r\n\r\n',
    'Content-Type: message/rfc822\r\n',
    'From: a <b@c>, d: e;\r\n',
  );

  function check(part: MimePart, start: number, end: number): void {
    expect(part.headerStart).toBeGreaterThanOrEqual(start);
    expect(part.bodyStart).toBeGreaterThanOrEqual(part.headerStart);
    expect(part.bodyEnd).toBeGreaterThanOrEqual(part.bodyStart);
    expect(part.bodyEnd).toBeLessThanOrEqual(end);
    expect(part.children.length > 0).toBe(part.type === 'multipart');
    let at = part.bodyStart;
    for (const child of part.children) {
      check(child, at, part.bodyEnd);
      at = child.bodyEnd;
    }
    if (part.message !== null) check(part.message.structure, part.bodyStart, part.bodyEnd);
  }

  it('never fails, keeps parts inside their parents, and does not depend on the chunks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(word, { maxLength: 60 }),
        fc.integer({ min: 1, max: 40 }),
        async (words, size) => {
          const bytes = Buffer.from(words.join(''), 'latin1');
          const parsed = await parseStructure('', bodyFromBytes(bytes));
          expect(parsed.structure.bodyEnd).toBe(bytes.length);
          check(parsed.structure, 0, bytes.length);
          expect(await parseStructure('', inPieces(bytes, size))).toEqual(parsed);
        },
      ),
      { numRuns: 300 },
    );
  });
});
