import { bodyFromBytes, parseStructure } from '@postroad/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { writeBodyStructure } from './body-structure.js';
import { dayOf, formatDateTime, parseDateTime, parseHeaderDate } from './dates.js';
import { listMatcher } from './list-pattern.js';
import { decodeMailboxName, encodeMailboxName } from './mailbox-name.js';
import { findPart, sectionRange, selectFields } from './section.js';
import { formatSet, isInRanges, normalizeRanges, parseRanges } from './sequence-set.js';
import { writeAstring, writeString } from './write-string.js';

test('modified UTF-7 as in RFC 3501 section 5.1.3', () => {
  expect(encodeMailboxName('~peter/mail/台北/日本語')).toBe('~peter/mail/&U,BTFw-/&ZeVnLIqe-');
  expect(decodeMailboxName('~peter/mail/&U,BTFw-/&ZeVnLIqe-')).toBe('~peter/mail/台北/日本語');
  expect(decodeMailboxName('A&-B')).toBe('A&B');
});

test('broken or roundabout modified UTF-7 is refused', () => {
  for (const broken of [
    'A&',
    'A&B',
    '&Jjo',
    '&Jjo!',
    '&U,BTFw-&ZeVnLIqe-',
    '&AGE-',
    '&AA',
    '\u00e4',
    '&2AA-x&',
  ]) {
    expect(decodeMailboxName(broken), broken).toBeUndefined();
  }
});

test('names survive modified UTF-7', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (name) => {
      if (/\p{Surrogate}/u.test(name)) return;
      expect(decodeMailboxName(encodeMailboxName(name))).toBe(name);
    }),
  );
});

test('sets', () => {
  expect(parseRanges('1:3,5,9:*')).toEqual([
    [1, 3],
    [5, 5],
    [9, Number.POSITIVE_INFINITY],
  ]);
  expect(parseRanges('*:4')).toEqual([[4, Number.POSITIVE_INFINITY]]);
  for (const none of ['', '0', '1,', ':3', '1:2:3', 'a', '4294967296', '1;2'])
    expect(parseRanges(none)).toBeUndefined();
  expect(
    normalizeRanges(
      [
        [9, Number.POSITIVE_INFINITY],
        [1, 3],
        [2, 5],
        [6, 6],
      ],
      4,
    ),
  ).toEqual([[1, 6]]);
  expect(isInRanges([[9, Number.POSITIVE_INFINITY]], 4, 4)).toBe(true);
  expect(isInRanges([[9, Number.POSITIVE_INFINITY]], 3, 4)).toBe(false);
  expect(formatSet([1, 2, 3, 5, 8, 9])).toBe('1:3,5,8:9');
});

test('dates', () => {
  expect(parseDateTime('17-Jul-1996 02:44:25 -0700')).toBe(Date.UTC(1996, 6, 17, 9, 44, 25));
  for (const none of [
    '31-Feb-2024 00:00:00 +0000',
    ' 1-Foo-2024 00:00:00 +0000',
    '1-Jan-2024 25:00:00 +0000',
  ]) {
    expect(parseDateTime(none)).toBeUndefined();
  }
  expect(formatDateTime(Date.UTC(2100, 1, 3, 4, 5, 6))).toBe('" 3-Feb-2100 04:05:06 +0000"');
  expect(formatDateTime(Number.MAX_SAFE_INTEGER)).toContain('9999');
  expect(parseHeaderDate('Mon, 1 Jan 2024 01:00:00 +0200')).toEqual({
    atMs: Date.UTC(2023, 11, 31, 23),
    day: dayOf(Date.UTC(2024, 0, 1)),
  });
  expect(parseHeaderDate('1 Jan 70 01:00 EST')?.atMs).toBe(Date.UTC(1970, 0, 1, 6));
  expect(parseHeaderDate('yesterday')).toBeUndefined();
});

test('LIST patterns', () => {
  expect(listMatcher('%')('a')).toBe(true);
  expect(listMatcher('%')('a/b')).toBe(false);
  expect(listMatcher('*')('a/b')).toBe(true);
  expect(listMatcher('a/%/c')('a/b/c')).toBe(true);
  expect(listMatcher('%/%')('a/b/c')).toBe(false);
  expect(listMatcher('*b')('a/b')).toBe(true);
  expect(listMatcher('inbox')('INBOX')).toBe(true);
  expect(listMatcher('inbox')('Inbox2')).toBe(false);
  const hostile = listMatcher(`${'*a'.repeat(200)}b`);
  expect(hostile('a'.repeat(500))).toBe(false);
});

test('strings are quoted, or literals where they must', () => {
  expect(writeString('a "b" \\c', { isUtf8: false })).toBe('"a \\"b\\" \\\\c"');
  expect(writeString('ä', { isUtf8: false })).toBe('{2}\r\nÃ¤');
  expect(writeString('ä', { isUtf8: true })).toBe('"Ã¤"');
  expect(writeString('a\r\nb', { isUtf8: true })).toBe('{4}\r\na\r\nb');
  expect(writeAstring('INBOX')).toBe('INBOX');
  expect(writeAstring('a b')).toBe('"a b"');
  expect(writeAstring('nil')).toBe('"nil"');
  expect(writeAstring('')).toBe('""');
});

const nested = [
  'Subject: outer',
  'Content-Type: multipart/mixed; boundary=x',
  '',
  '--x',
  'Content-Type: text/plain; charset=utf-8',
  '',
  'text',
  '--x',
  'Content-Type: message/rfc822',
  '',
  'Subject: inner',
  'From: a@b.c',
  '',
  'inner text',
  '--x--',
  '',
].join('\r\n');

test('sections of a message inside a message', async () => {
  const { structure } = await parseStructure('', bodyFromBytes(Buffer.from(nested)));
  const text = (path: number[], kind: 'all' | 'header' | 'text' | 'mime') => {
    const range = sectionRange(structure, nested.length, { path, text: kind, fields: [] });
    return range === undefined ? undefined : nested.slice(range.start, range.end);
  };
  expect(text([], 'all')).toBe(nested);
  expect(text([1], 'all')).toBe('text');
  expect(text([1], 'mime')).toBe('Content-Type: text/plain; charset=utf-8\r\n\r\n');
  expect(text([2], 'header')).toBe('Subject: inner\r\nFrom: a@b.c\r\n\r\n');
  expect(text([2], 'text')).toBe('inner text');
  expect(text([2, 1], 'all')).toBe('inner text');
  expect(text([2, 2], 'all')).toBeUndefined();
  expect(text([1, 1], 'all')).toBeUndefined();
  expect(text([3], 'all')).toBeUndefined();
  expect(text([1], 'header')).toBeUndefined();
  expect(findPart(structure, [2, 1, 1])).toBeUndefined();
});

test('BODYSTRUCTURE tells the message inside with its envelope', async () => {
  const { structure } = await parseStructure('', bodyFromBytes(Buffer.from(nested)));
  expect(writeBodyStructure(structure, false, { isUtf8: false })).toBe(
    '(("TEXT" "PLAIN" ("CHARSET" "utf-8") NIL NIL "7BIT" 4 0)' +
      '("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 41 (NIL "inner" ((NIL NIL "a" "b.c")) ((NIL NIL "a" "b.c")) ' +
      '((NIL NIL "a" "b.c")) NIL NIL NIL NIL NIL) ("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 10 0) 3) ' +
      '"MIXED")',
  );
});

test('header fields are selected as they stand, folding included', () => {
  const header = 'A: 1\r\nB: 2\r\n folded\r\nbroken line\r\nb: 3\r\n\r\n';
  expect(selectFields(header, new Set(['b']), false)).toBe('B: 2\r\n folded\r\nb: 3\r\n\r\n');
  expect(selectFields(header, new Set(['b']), true)).toBe('A: 1\r\nbroken line\r\n\r\n');
});
