import { randomBytes } from 'node:crypto';
import {
  bodyFromBytes,
  type ChangedMessage,
  planConversion,
  type QueuedMessage,
  readBody,
} from '@postroad/core';
import { describe, expect, test } from 'vitest';
import { harness, serve, smtp, told } from './scene.js';
import { polite } from './scripted-server.js';

const delivered = ['delivered 250 2.0.0 taken'];
const unconvertible = ['failed 554 5.6.3 the next server does not take eight-bit bodies'];
const offers = ['PIPELINING', 'SIZE 1000000'];

/** The body in pieces of every size, so that every state meets a border. */
function inPieces(content: Buffer, size: number): QueuedMessage['body'] {
  const whole = bodyFromBytes(content);
  return {
    ...whole,
    sizeBytes: content.length,
    has8bit: true,
    headerBytes: whole.headerBytes,
    header: whole.header,
    inline: undefined,
    async *open() {
      for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
    },
  };
}

async function converted(text: string | Buffer, size = 7): Promise<string | undefined> {
  const content = Buffer.from(text);
  const conversion = await planConversion(inPieces(content, size));
  if (conversion === undefined) return undefined;
  const pieces: Uint8Array[] = [];
  for await (const piece of conversion.open()) pieces.push(piece);
  const result = Buffer.concat(pieces);
  expect(conversion.sizeBytes).toBe(result.length);
  return result.toString('latin1');
}

describe('the conversion of a message', () => {
  test('encodes text as quoted-printable, and leaves all other fields', async () => {
    const text =
      'Subject: gr=\r\nMIME-Version: 1.0\r\nContent-Type: text/plain;\r\n charset=utf-8\r\n' +
      'content-transfer-encoding: 8bit\r\nX-After: 1\r\n\r\nGr\u00fc\u00dfe an alle, = und \r\nmehr in langen Zeilen als neben\u00adan.\r\n';
    expect(await converted(text)).toBe(
      'Subject: gr=\r\nMIME-Version: 1.0\r\nContent-Type: text/plain;\r\n charset=utf-8\r\n' +
        'Content-Transfer-Encoding: quoted-printable\r\nX-After: 1\r\n\r\n' +
        'Gr=C3=BC=C3=9Fe an alle, =3D und=20\r\nmehr in langen Zeilen als neben=C2=ADan.\r\n',
    );
  });

  test('encodes each part by itself, also in messages within, and touches no other', async () => {
    const text = [
      'Content-Type: multipart/mixed; boundary="a b"',
      'Content-Transfer-Encoding: 8bit',
      'MIME-Version: 1.0',
      '',
      'preamble',
      '--a b',
      '',
      'seven bits',
      '--a b',
      'Content-Type: text/html; charset=utf-8',
      '',
      '<p>gr\u00fcn im Sommer, und sonst nicht</p>',
      '--a b',
      'Content-Type: image/png',
      'Content-Transfer-Encoding: binary',
      '',
      '\u00ff\u00fe',
      '--a b',
      'Content-Type: message/rfc822',
      'Content-Transfer-Encoding: 8bit',
      '',
      'Subject: within',
      '',
      '\u00e4\u00f6\u00fc\u00e4\u00f6\u00fc',
      '--a b--',
      'epilogue',
      '',
    ].join('\r\n');
    expect((await converted(text))?.split('\r\n')).toEqual([
      'Content-Type: multipart/mixed; boundary="a b"',
      'Content-Transfer-Encoding: 7bit',
      'MIME-Version: 1.0',
      '',
      'preamble',
      '--a b',
      '',
      'seven bits',
      '--a b',
      'Content-Type: text/html; charset=utf-8',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      '<p>gr=C3=BCn im Sommer, und sonst nicht</p>',
      '--a b',
      'Content-Type: image/png',
      'Content-Transfer-Encoding: base64',
      '',
      Buffer.from('\u00ff\u00fe').toString('base64'),
      '--a b',
      'Content-Type: message/rfc822',
      'Content-Transfer-Encoding: 7bit',
      '',
      'Subject: within',
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset=unknown-8bit',
      'Content-Transfer-Encoding: base64',
      '',
      Buffer.from('\u00e4\u00f6\u00fc\u00e4\u00f6\u00fc').toString('base64'),
      '--a b--',
      'epilogue',
      '',
    ]);
  });

  test('says 7bit where a label promised more than there is', async () => {
    const text = 'Content-Type: text/plain\r\nContent-Transfer-Encoding: 8bit\r\n\r\nplain\r\n';
    expect(await converted(text)).toBe(text.replace('8bit', '7bit'));
  });

  test.each([
    [
      'signed parts',
      'Content-Type: multipart/signed; boundary=x\r\n\r\n--x\r\n\r\ngr\u00fcn\r\n--x\r\n\r\nsignature\r\n--x--\r\n',
    ],
    ['a header section with eight bits', 'Subject: gr\u00fcn\r\n\r\nplain\r\n'],
    [
      'a part whose header has eight bits',
      'Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nX: \u00fc\r\n\r\n\r\n--x--\r\n',
    ],
    [
      'a preamble with eight bits',
      'Content-Type: multipart/mixed; boundary=x\r\n\r\n\u00fc\r\n--x\r\n\r\n\r\n--x--\r\n',
    ],
    ['a broken base64', 'Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n\u00fc\r\n'],
    ['an encoding that nobody knows', 'Content-Transfer-Encoding: x-uue\r\n\r\n\u00fc\r\n'],
    ['a multipart without boundary', 'Content-Type: multipart/mixed\r\n\r\n\u00fc\r\n'],
    ['a part of a message', 'Content-Type: message/partial\r\n\r\n\u00fc\r\n'],
  ])('is not possible for %s', async (_name, text) => {
    for (const size of [1, 3, 1_000]) expect(await converted(text, size)).toBeUndefined();
  });

  test('touches nothing in a signed part of seven bits beside one of eight', async () => {
    const signed =
      'Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\nContent-Transfer-Encoding: 8bit\r\n\r\n plain \r\n--s\r\n\r\nsig\r\n--s--\r\n';
    const text = `Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n\r\ngr\u00fcn ist alles, was ich nicht kenne\r\n--m\r\n${signed}--m--\r\n`;
    const result = await converted(text);
    expect(result).toContain(signed);
    expect(result).toContain('gr=C3=BCn');
  });

  test.each([1, 2, 56, 57, 58, 1_000])('keeps octets of any kind in pieces of %i', async (size) => {
    const octets = randomBytes(1_000);
    const header = 'Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n';
    const result = await converted(Buffer.concat([Buffer.from(header), octets]), size);
    const [, encoded = ''] = result?.split('\r\n\r\n') ?? [];
    for (const line of encoded.split('\r\n')) expect(line.length).toBeLessThanOrEqual(76);
    expect(Buffer.from(encoded, 'base64').equals(octets)).toBe(true);
  });
});

describe('a server without 8BITMIME', () => {
  const content = 'Subject: test\r\n\r\nviele Gr\u00fc\u00dfe aus der Ferne, von allen\r\n';

  test('gets a converted message, with the size that it has', async () => {
    const server = await serve(polite({ offers }));
    const { deliver } = harness();
    expect(told(await deliver(smtp(server), { content }))).toEqual(delivered);
    const sent = server.messages[0]?.toString('latin1') ?? '';
    expect(sent).toContain('Content-Transfer-Encoding: quoted-printable\r\n\r\nviele Gr=C3=BC=C3=9Fe aus');
    expect(server.lines.find((line) => line.startsWith('MAIL'))).toContain(` SIZE=${sent.length}`);
    expect(server.lines.join()).not.toContain('BODY=');
  });

  test.each([
    ['DKIM-Signature: v=1; a=rsa-sha256\r\n', ''],
    ['', 'DKIM-Signature: v=1; a=rsa-sha256\r\n'],
    ['', 'ARC-Message-Signature: i=1\r\n'],
  ])('gets no signed message, unless the option says so (%j %j)', async (prefix, field) => {
    const server = await serve(polite({ offers }));
    const wish = { content: `${field}${content}`, prefix };
    expect(told(await harness().deliver(smtp(server), wish))).toEqual(unconvertible);
    expect(server.messages).toHaveLength(0);
    expect(told(await harness({ eightBit: 'convert-signed' }).deliver(smtp(server), wish))).toEqual(
      delivered,
    );
    expect(told(await harness({ eightBit: 'send' }).deliver(smtp(server), wish))).toEqual(delivered);
    expect(server.messages[1]?.toString()).toBe(`${prefix}${field}${content}`);
  });

  test.each([
    [
      'DKIM-Signature: v=1; d=a.test\r\nReceived: x\r\n',
      '',
      'DKIM-Signature: v=2; d=a.test\r\nReceived: x\r\n',
    ],
    ['DKIM-Signature: v=1; d=other.test\r\n', '', undefined],
    ['DKIM-Signature: v=1; d=a.test\r\n', 'DKIM-Signature: v=1; d=b.test\r\n', undefined],
    ['ARC-Message-Signature: i=1\r\nDKIM-Signature: v=1; d=a.test\r\n', '', undefined],
  ])(
    'gets what is signed by ourselves with new signatures, and nothing else (%j %j)',
    async (prefix, field, renewed) => {
      const server = await serve(polite({ offers }));
      const asked: string[] = [];
      const resigner = {
        async resign({ headerPrefix, header, content: open }: ChangedMessage) {
          const pieces: Uint8Array[] = [];
          for await (const piece of open()) pieces.push(piece);
          asked.push(`${Buffer.from(header)}|${Buffer.concat(pieces)}`);
          return headerPrefix.includes('d=a.test') ? headerPrefix.replace('v=1', 'v=2') : undefined;
        },
      };
      const large = `${field}${content}${'\u00fc viele Zeilen, und kein Ende in Sicht, wie es scheint\r\n'.repeat(3_000)}`;
      for (const text of [`${field}${content}`, large]) {
        const report = await harness({ resigner }).deliver(smtp(server), { content: text, prefix });
        expect(told(report)).toEqual(renewed === undefined ? unconvertible : delivered);
        const sent = server.messages.at(-1)?.toString('latin1') ?? '';
        expect(sent.startsWith(renewed ?? '')).toBe(true);
        if (renewed === undefined) continue;
        // Header and content are what is sent, cut at the empty line.
        const [header = '', body = ''] = (asked.at(-1) ?? '').split('|');
        expect(sent).toBe(`${renewed}${header}${body}`);
        expect(header).toMatch(/^Subject: test\r\nMIME-Version: 1\.0\r\n(?:.+\r\n)+\r\n$/);
        expect(server.lines.filter((line) => line.startsWith('MAIL')).at(-1)).toContain(
          ` SIZE=${sent.length}`,
        );
      }
      if (field !== '' || prefix.startsWith('ARC')) expect(asked).toEqual([]);
    },
  );

  test('gets nothing where converting is switched off', async () => {
    const server = await serve(polite({ offers }));
    expect(told(await harness({ eightBit: 'refuse' }).deliver(smtp(server), { content }))).toEqual(
      unconvertible,
    );
  });

  test('gets a binary message converted, by chunks too', async () => {
    const octets = Buffer.from('a\rb\nc\0\u00ff');
    const binary = Buffer.concat([
      Buffer.from(
        'Content-Type: image/png\r\nContent-Transfer-Encoding: binary\r\nMIME-Version: 1.0\r\n\r\n',
      ),
      octets,
    ]);
    for (const extra of [[], ['8BITMIME'], ['CHUNKING'], ['CHUNKING', '8BITMIME']]) {
      const server = await serve(polite({ offers: [...offers, ...extra] }));
      const parameters = { bodyType: 'binarymime' } as const;
      expect(told(await harness().deliver(smtp(server), { content: binary, parameters }))).toEqual(delivered);
      const [, encoded = ''] = server.messages[0]?.toString('latin1').split('\r\n\r\n') ?? [];
      expect(Buffer.from(encoded, 'base64').equals(octets)).toBe(true);
      expect(server.lines.join()).not.toContain('BODY=');
    }
  });

  test('gets what it takes as it is: nothing is converted without need', async () => {
    const server = await serve(polite({ offers: [...offers, '8BITMIME'] }));
    expect(told(await harness().deliver(smtp(server), { content }))).toEqual(delivered);
    expect(server.messages[0]?.toString()).toBe(content);
    expect((await readBody(bodyFromBytes(server.messages[0] as Buffer), 1_000)).toString()).toBe(content);
  });
});
