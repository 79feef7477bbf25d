import { describe, expect, it } from 'vitest';
import { bodyFromBytes } from '../body/inline-body.js';
import { inPieces } from './body-in-pieces.js';
import { parseStructure } from './parse-structure.js';
import type { MimePart } from './structure.js';
import { structureLimits } from './structure-limits.js';

const crlf = (text: string) => text.replace(/\r?\n/g, '\r\n');
const parse = (text: string, prefix = '') =>
  parseStructure(prefix, bodyFromBytes(Buffer.from(text, 'latin1')));

const mixed = crlf(`From: Alice <alice@example.org>
To: bob@example.net
Subject: folded
 subject
Date: Mon, 23 Nov 2026 10:00:00 +0000
Message-ID: <1@example.org>
In-Reply-To: <0@example.org>
References: <a@example.org>
 <0@example.org>
Content-Type: multipart/mixed; boundary="outer"

preamble
--outer
Content-Type: multipart/alternative; boundary=inner

--inner

plain
text
--inner
Content-Type: text/html; charset="utf-8"
Content-Transfer-Encoding: QUOTED-PRINTABLE

<b>html</b>

--inner--
epilogue
--outer
Content-Type: application/pdf; name="a b.pdf"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename="a b.pdf"; size=3
Content-ID: <part@example.org>
Content-Description: a paper
Content-Language: en, de
Content-MD5: abc
Content-Location: http://example.org/a.pdf

AAAA
--outer
Content-Type: message/rfc822

Subject: inside
From: carol@example.org

hello
--outer--
end
`);

describe('parseStructure', () => {
  it('reads the envelope', async () => {
    const { envelope, references } = await parse(mixed);
    expect(envelope.subject).toBe('folded subject');
    expect(envelope.from).toEqual([{ name: 'Alice', route: null, mailbox: 'alice', host: 'example.org' }]);
    expect(envelope.sender).toEqual(envelope.from);
    expect(envelope.replyTo).toEqual(envelope.from);
    expect(envelope.cc).toBeNull();
    expect(envelope.messageId).toBe('<1@example.org>');
    expect(references).toBe('<a@example.org> <0@example.org>');
  });

  it('finds the parts with their places and fields', async () => {
    const { structure } = await parse(mixed);
    const cut = (part: MimePart) => mixed.slice(part.bodyStart, part.bodyEnd);
    expect(`${structure.type}/${structure.subtype}`).toBe('multipart/mixed');
    expect(cut(structure)).toBe(mixed.slice(mixed.indexOf('preamble')));
    const [alternative, pdf, message] = structure.children as [MimePart, MimePart, MimePart];
    const [plain, html] = alternative.children as [MimePart, MimePart];
    expect(cut(plain)).toBe('plain\r\ntext');
    expect(plain).toMatchObject({ type: 'text', subtype: 'plain', encoding: '7bit', lines: 1 });
    expect(cut(html)).toBe('<b>html</b>\r\n');
    expect(html).toMatchObject({
      encoding: 'quoted-printable',
      lines: 1,
      parameters: [['charset', 'utf-8']],
    });
    expect(mixed.slice(html.headerStart, html.bodyStart)).toMatch(
      /^Content-Type: text\/html.*PRINTABLE\r\n\r\n$/s,
    );
    expect(pdf).toMatchObject({
      parameters: [['name', 'a b.pdf']],
      disposition: {
        value: 'attachment',
        parameters: [
          ['filename', 'a b.pdf'],
          ['size', '3'],
        ],
      },
      id: '<part@example.org>',
      description: 'a paper',
      language: ['en', 'de'],
      md5: 'abc',
      location: 'http://example.org/a.pdf',
    });
    expect(cut(pdf)).toBe('AAAA');
    expect(message.message?.envelope.subject).toBe('inside');
    expect(cut(message.message?.structure as MimePart)).toBe('hello');
    expect(message.bodyEnd).toBe(message.message?.structure.bodyEnd);
  });

  it('counts offsets from the start of the prefix', async () => {
    const prefix = 'Received: here\r\n';
    const { structure } = await parse('Subject: x\r\n\r\nbody\r\n', prefix);
    expect(structure).toMatchObject({
      headerStart: 0,
      bodyStart: prefix.length + 14,
      bodyEnd: prefix.length + 20,
      lines: 1,
    });
  });

  it('gives the same for a stream in pieces of any size', async () => {
    const whole = await parse(mixed);
    for (const size of [1, 2, 3, 7, 64, 1000]) {
      expect(await parseStructure('', inPieces(Buffer.from(mixed), size))).toEqual(whole);
    }
  });

  it('defaults to message/rfc822 inside a digest', async () => {
    const { structure } = await parse(
      crlf(
        'Content-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: one\n\n1\n--d\n\nSubject: two\n\n2\n--d--\n',
      ),
    );
    expect(structure.children.map((part) => part.message?.envelope.subject)).toEqual(['one', 'two']);
  });

  it('keeps boundaries apart of which one starts with the other', async () => {
    const { structure } = await parse(
      crlf(
        'Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=ab\n\n--ab\n\n1\n--ab\n\n2\n--ab--\n--a \t\n\n3\n--a--\n',
      ),
    );
    expect(structure.children).toHaveLength(2);
    expect(structure.children[0]?.children).toHaveLength(2);
  });

  it('ends inner parts at an outer boundary when the inner one is never closed', async () => {
    const { structure } = await parse(
      crlf(
        'Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n1\n--a\n\n2',
      ),
    );
    expect(structure.children).toHaveLength(2);
  });

  it('shows a multipart without parts as one plain text', async () => {
    for (const type of ['multipart/mixed; boundary=x', 'multipart/mixed']) {
      const { structure } = await parse(`Content-Type: ${type}\r\n\r\nno part\r\n`);
      expect(structure.children).toMatchObject([{ type: 'text', subtype: 'plain', lines: 1 }]);
    }
  });

  it('always gives a message/rfc822 its message, even when it is cut off', async () => {
    for (const text of [
      'Content-Type: message/rfc822',
      'Content-Type: message/rfc822\r\n\r\n',
      'Content-Type: message/rfc822\r\n\r\nSubject: x',
    ]) {
      expect((await parse(text)).structure.message).not.toBeNull();
    }
    const { structure } = await parse(
      crlf('Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: message/rfc822\n--a--\n'),
    );
    expect(structure.children[0]?.message?.structure.type).toBe('text');
  });

  it('takes what is not understood as plain text', async () => {
    for (const type of ['', 'text', '/', 'te xt/plain', 'a/b/c', '\x00/\x01', '(comment)']) {
      expect((await parse(`Content-Type: ${type}\r\n\r\nx`)).structure).toMatchObject({
        type: 'text',
        subtype: 'plain',
      });
    }
    expect((await parse('Content-Type: text/html charset=x\r\n\r\nx')).structure.subtype).toBe('html');
  });

  it('reads 8-bit fields as UTF-8, or octet by octet when they are not', async () => {
    expect((await parse(Buffer.from('Subject: Grüße\r\n\r\n').toString('latin1'))).envelope.subject).toBe(
      'Grüße',
    );
    expect((await parse('Subject: Gr\xfc\xdfe\r\n\r\n')).envelope.subject).toBe('Grüße');
  });
});

describe('parseStructure at its limits', () => {
  it('takes what is nested too deep as an opaque leaf', async () => {
    let text = '';
    for (let depth = 0; depth < 300; depth++)
      text += `Content-Type: multipart/mixed; boundary=b${depth}\r\n\r\n--b${depth}\r\n`;
    let part = (await parse(text)).structure;
    let depth = 1;
    for (; part.children[0] !== undefined; depth++) part = part.children[0];
    expect(depth).toBe(structureLimits.depth);
    expect(part).toMatchObject({ type: 'application', subtype: 'octet-stream', bodyEnd: text.length });
    let message = (await parse('Content-Type: message/rfc822\r\n\r\n'.repeat(300))).structure;
    for (depth = 1; message.message !== null; depth++) message = message.message.structure;
    expect(depth).toBe(structureLimits.depth);
    expect(message.type).toBe('application');
  });

  it('takes what follows too many parts as one opaque leaf', async () => {
    const text = `Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n\r\nx\r\n'.repeat(10_000)}--b--\r\n`;
    const { structure } = await parse(text);
    expect(structure.children).toHaveLength(structureLimits.parts - 1);
    expect(structure.children.at(-1)).toMatchObject({ type: 'application', bodyEnd: text.length });
  });

  it('reads only so much of a header section', async () => {
    const { envelope } = await parse(
      `X: ${'x'.repeat(structureLimits.headerOctets)}\r\nSubject: late\r\n\r\n`,
    );
    expect(envelope.subject).toBeNull();
  });

  it('reads only so many parameters', async () => {
    const { structure } = await parse(`Content-Type: text/plain${'; a=b'.repeat(100_000)}\r\n\r\n`);
    expect(structure.parameters.length).toBeLessThanOrEqual(100);
  });
});
