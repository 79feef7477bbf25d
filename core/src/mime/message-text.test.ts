import { describe, expect, it } from 'vitest';
import { bodyFromBytes } from '../body/inline-body.js';
import { foldText } from './fold-text.js';
import { containsText, foldedTexts } from './message-text.js';
import { parseStructure } from './parse-structure.js';

const text = [
  'Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=',
  'Content-Type: multipart/mixed; boundary=b',
  '',
  '--b',
  'Content-Type: text/plain; charset=iso-8859-1',
  'Content-Transfer-Encoding: quoted-printable',
  '',
  'soft=',
  'line and caf=E9',
  '--b',
  'Content-Type: application/octet-stream',
  '',
  'hidden',
  '--b',
  'Content-Type: text/html; charset=utf-8',
  'Content-Transfer-Encoding: base64',
  'X-Part: yes',
  '',
  Buffer.from('<b>ÉTÉ</b>').toString('base64'),
  '--b--',
  '',
].join('\r\n');
const body = bodyFromBytes(Buffer.from(text));

describe('the text of a message', () => {
  it.each([
    ['softline', true],
    ['CAFÉ', true],
    ['cafe\u0301', true],
    ['été', true],
    ['x-part: YES', true],
    ['grüße', false],
    ['hidden', false],
    ['nowhere', false],
  ])('is searched for %s in the body: %s', async (wanted, isThere) => {
    const parsed = await parseStructure('', body);
    expect(await containsText(parsed, body, foldText(wanted), false)).toBe(isThere);
  });

  it('is searched in the header too', async () => {
    const parsed = await parseStructure('', body);
    expect(await containsText(parsed, body, foldText('GRÜSSE'.replace('SS', 'ß')), true)).toBe(true);
  });

  it('comes whole and folded for an index', async () => {
    const parsed = await parseStructure('', body);
    let all = '';
    for await (const piece of foldedTexts(parsed, body)) all += piece.isMore ? piece.text : `\n${piece.text}`;
    for (const wanted of ['softline', 'café', 'été', 'grüße', 'x-part: yes'])
      expect(all).toContain(foldText(wanted));
    expect(all).not.toContain('hidden');
  });
});
