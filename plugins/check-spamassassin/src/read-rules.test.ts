import { editHeader, parseHeader } from '@postroad/core';
import { expect, it } from 'vitest';
import { rulesOfHeader, rulesOfReport, spamFieldEdits } from './read-rules.js';

it('reads the table of a report', () => {
  const report = `Content analysis details:   (3.5 points, 5.0 required)

 pts rule name              description
---- ---------------------- --------------------------------------------------
 3.0 TEST_WORD              a word
-0.5 GOOD_ONE               good
                            on two lines
 1.0 BARE
`;
  expect(rulesOfReport(report)).toEqual([
    { name: 'TEST_WORD', score: 3 },
    { name: 'GOOD_ONE', score: -0.5 },
    { name: 'BARE', score: 1 },
  ]);
});

it('reads the field, with and without points', () => {
  const read = (value: string) => rulesOfHeader(parseHeader(Buffer.from(`X-Spam-Status: ${value}\r\n\r\n`)));
  expect(read('Yes, score=3.0 required=5.0 tests=A_B,\r\n\tC_1 autolearn=no version=4')).toEqual([
    { name: 'A_B' },
    { name: 'C_1' },
  ]);
  expect(read('No, tests=A=1.5,B=-2')).toEqual([
    { name: 'A', score: 1.5 },
    { name: 'B', score: -2 },
  ]);
  expect(read('No, tests=none')).toEqual([]);
  expect(read('')).toEqual([]);
});

it('takes over the fields of SpamAssassin and a marked subject, and no forged ones', () => {
  const now = Buffer.from('X-Spam-Flag: NO\r\nSubject: hello\r\nX-New: since\r\n\r\n');
  const theirs = Buffer.from(
    'X-Spam-Flag: YES\nX-Spam-Status: Yes,\n\ttests=A\nSubject: [spam] hello\nX-Gone: x\n\n',
  );
  const edits = spamFieldEdits(theirs, parseHeader(now));
  expect(Buffer.from(editHeader(now, edits)).toString()).toBe(
    'X-Spam-Flag: YES\r\nX-Spam-Status: Yes,\r\n\ttests=A\r\nSubject: [spam] hello\r\nX-New: since\r\n\r\n',
  );
});
