import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WireContent } from './wire-content.js';

/** Stuffs a message given in chunks. */
function stuff(chunks: readonly Uint8Array[], isStuffed = true): string {
  const stuffer = new WireContent(isStuffed);
  const pieces = chunks.flatMap((chunk) => [...stuffer.push(chunk)]);
  return Buffer.concat([...pieces, stuffer.end()]).toString('latin1');
}

/** What a receiver by RFC 5321 section 4.5.2 makes of it. */
function unstuff(sent: string): string {
  expect(sent.endsWith('.\r\n')).toBe(true);
  const content = `\r\n${sent}`;
  expect(content.indexOf('\r\n.\r\n')).toBe(content.length - 5);
  return content.slice(2, -3).replace(/(^|\r\n)\./g, '$1');
}

const text = fc.array(fc.constantFrom('.', '\r', '\n', '\r\n', '\r\n.', 'a', '..'), { maxLength: 30 });

test('what a receiver reads is the message with CRLF line ends, however it was cut', () => {
  fc.assert(
    fc.property(fc.array(text, { maxLength: 5 }), (parts) => {
      const chunks = parts.map((part) => Buffer.from(part.join(''), 'latin1'));
      const message = Buffer.concat(chunks).toString('latin1');
      const canonical = message.replace(/\r\n|\r|\n/g, '\r\n');
      const sent = stuff(chunks);
      expect(sent.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
      const expected = canonical === '' || canonical.endsWith('\r\n') ? canonical : `${canonical}\r\n`;
      expect(unstuff(sent)).toBe(expected);
      expect(stuff(chunks, false)).toBe(expected);
    }),
    { numRuns: 500 },
  );
});

test('a message without dots and bare line ends is sent as the view it was given', () => {
  const chunk = Buffer.from('Subject: a\r\n\r\ntext. more\r\n');
  expect(new WireContent(true).push(chunk)).toEqual([chunk]);
});

test('long lines are read by words and short ones by octets, with the same outcome', () => {
  const line = fc.string({
    unit: fc.constantFrom('a', '.', ' ', '\u00ff', '\t'),
    minLength: 0,
    maxLength: 90,
  });
  const end = fc.constantFrom('\r\n', '\r\n', '\r\n', '\n', '\r', '\0', '\r\n.');
  fc.assert(
    fc.property(fc.array(fc.tuple(line, end), { maxLength: 12 }), fc.nat(7), (lines, skipped) => {
      const message = Buffer.from(`.......${lines.flat().join('')}`, 'latin1');
      // A view at any place of its memory, and the same in pieces too short for words.
      const chunk = message.subarray(skipped);
      const pieces = Array.from({ length: Math.ceil(chunk.length / 9) }, (_, at) =>
        chunk.subarray(at * 9, at * 9 + 9),
      );
      expect(stuff([chunk])).toBe(stuff(pieces));
      expect(stuff([chunk], false)).toBe(stuff(pieces, false));
    }),
    { numRuns: 500 },
  );
});
