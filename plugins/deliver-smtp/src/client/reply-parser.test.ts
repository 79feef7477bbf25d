import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ReplyParser, replyOf, type ServerReply } from './reply-parser.js';

test('reads replies wherever the octets are cut', () => {
  const wire = Buffer.from('220 hi\r\n250-a\r\n250-SIZE 5\r\n250 c\r\n354\r\n250 grün\n');
  const expected: ServerReply[] = [
    { code: 220, lines: ['hi'] },
    { code: 250, lines: ['a', 'SIZE 5', 'c'] },
    { code: 354, lines: [''] },
    { code: 250, lines: ['grün'] },
  ];
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: wire.length }), { maxLength: 6 }), (cuts) => {
      const parser = new ReplyParser();
      const replies: ServerReply[] = [];
      let from = 0;
      for (const to of [...cuts.sort((a, b) => a - b), wire.length]) {
        const found = parser.push(wire.subarray(from, to));
        expect(typeof found).toBe('object');
        replies.push(...(found as ServerReply[]));
        from = to;
      }
      expect(replies).toEqual(expected);
      expect(parser.isEmpty).toBe(true);
    }),
  );
});

test('any octets are replies or a problem, never an exception', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
      const found = new ReplyParser().push(Buffer.from(octets));
      expect(typeof found === 'string' || Array.isArray(found)).toBe(true);
    }),
  );
});

test.each([
  [
    { code: 550, lines: ['5.1.1 no such user'] },
    { code: 550, detail: '1.1', text: 'no such user' },
  ],
  [
    { code: 550, lines: ['5.7.1 no', '5.7.1 really'] },
    { code: 550, detail: '7.1', text: ['no', 'really'] },
  ],
  [
    { code: 550, lines: ['4.7.1 contradiction'] },
    { code: 550, text: '4.7.1 contradiction' },
  ],
  [
    { code: 450, lines: ['later\u0000\u0007'] },
    { code: 450, text: 'later ' },
  ],
  [
    { code: 250, lines: [''] },
    { code: 250, text: '' },
  ],
])('takes the enhanced status off %j', (said, expected) => {
  expect(replyOf(said)).toEqual(expected);
});
