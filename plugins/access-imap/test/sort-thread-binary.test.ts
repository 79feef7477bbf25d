/** SORT, THREAD, BINARY and PREVIEW against the running plugin. */
import { expect, test } from 'vitest';
import { logIn } from './client.js';
import { startHost } from './host.js';

const mail = (fields: Readonly<Record<string, string>>, body = 'text') =>
  `${Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n')}\n\n${body}\n`;

test('SORT orders by what is asked for (RFC 5256, RFC 5957, RFC 5267)', async () => {
  await using host = await startHost();
  await host.deliver(
    mail({ From: 'Zoe <a@x>', Subject: 'Re: beta', Date: 'Wed, 3 Jan 2024 00:00:00 +0000' }),
  );
  await host.deliver(
    mail({ From: '=?utf-8?q?=C3=84nne?= <c@x>', Subject: 'alpha', Date: 'Tue, 2 Jan 2024 00:00:00 +0000' }),
  );
  await host.deliver(
    mail({ From: 'b@x', Subject: 'Beta', Date: 'Mon, 1 Jan 2024 00:00:00 +0000' }, 'longer text'),
  );
  const client = await logIn(host.port, 'INBOX');
  const sort = async (criteria: string) => (await client.ok(`SORT (${criteria}) UTF-8 ALL`))[0];
  expect(await sort('DATE')).toBe('* SORT 3 2 1');
  expect(await sort('REVERSE DATE')).toBe('* SORT 1 2 3');
  expect(await sort('SUBJECT')).toBe('* SORT 2 1 3');
  expect(await sort('SUBJECT DATE')).toBe('* SORT 2 3 1');
  expect(await sort('FROM')).toBe('* SORT 1 3 2');
  expect(await sort('DISPLAYFROM')).toBe('* SORT 2 3 1');
  expect(await sort('REVERSE ARRIVAL')).toBe('* SORT 1 2 3');
  expect((await client.ok('UID SORT RETURN (MIN MAX ALL COUNT) (DATE) UTF-8 ALL'))[0]).toMatch(
    /UID MIN 3 MAX 1 ALL 3,2,1 COUNT 3$/,
  );
  expect((await client.run('SORT (SHOESIZE) UTF-8 ALL'))[0]).toMatch(/^BAD/);
  expect((await client.run('SORT (DATE) KOI8-R ALL'))[0]).toMatch(/^NO \[BADCHARSET/);
});

test('THREAD follows References, which are not in the envelope (RFC 5256)', async () => {
  await using host = await startHost();
  await host.deliver(
    mail({ Subject: 'plan', 'Message-ID': '<1@x>', Date: 'Mon, 1 Jan 2024 00:00:00 +0000' }),
  );
  await host.deliver(
    mail({ Subject: 'other', 'Message-ID': '<2@x>', Date: 'Tue, 2 Jan 2024 00:00:00 +0000' }),
  );
  await host.deliver(
    mail({
      Subject: 'new name',
      'Message-ID': '<3@x>',
      References: '<0@x>\n <1@x>',
      Date: 'Wed, 3 Jan 2024 00:00:00 +0000',
    }),
  );
  await host.deliver(
    mail({ Subject: 'Re: other', 'In-Reply-To': '<2@x>', Date: 'Thu, 4 Jan 2024 00:00:00 +0000' }),
  );
  const client = await logIn(host.port, 'INBOX');
  expect((await client.ok('THREAD REFERENCES UTF-8 ALL'))[0]).toBe('* THREAD (1 3)(2 4)');
  expect((await client.ok('UID THREAD ORDEREDSUBJECT UTF-8 ALL'))[0]).toBe('* THREAD (1)(2 4)(3)');
  expect((await client.ok('THREAD REFERENCES UTF-8 SUBJECT nothing'))[0]).toBe('* THREAD');
});

const parts = `Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

<html><style>p {}</style><p>Gr=FC=DFe &amp; <b>K=FCsse</b></p></html>
--b
Content-Type: application/octet-stream
Content-Transfer-Encoding: base64

${Buffer.from('a\0b').toString('base64')}
--b
Content-Type: application/octet-stream
Content-Transfer-Encoding: x-odd

????
--b--
`;

test('BINARY undoes the transfer encoding (RFC 3516)', async () => {
  await using host = await startHost();
  await host.deliver(parts);
  const client = await logIn(host.port, 'INBOX');
  expect((await client.ok('FETCH 1 (BINARY.SIZE[2] BINARY.PEEK[2])'))[0]).toBe(
    '* 1 FETCH (BINARY.SIZE[2] 3 BINARY[2] ~{3}\r\na\0b)',
  );
  expect((await client.ok('FETCH 1 BINARY.PEEK[1]<16.4>'))[0]).toBe('* 1 FETCH (BINARY[1]<16> {4}\r\n}</s)');
  expect((await client.ok('FETCH 1 BINARY.PEEK[9]'))[0]).toBe('* 1 FETCH (BINARY[9] NIL)');
  expect((await client.run('FETCH 1 BINARY.PEEK[3]')).at(-1)).toMatch(/^NO \[UNKNOWN-CTE\]/);
  expect((await client.ok('FETCH 1 BINARY[2]'))[0]).toContain('FLAGS (\\Seen)');
});

test('a NUL is sent in a literal8 only (RFC 9051 section 4.3.1)', async () => {
  await using host = await startHost();
  await host.deliver('Subject: a\0b\n\nc\0d\n');
  const client = await logIn(host.port, 'INBOX');
  const ask = async (items: string) => (await client.ok(`FETCH 1 ${items}`))[0];
  const whole = 'Subject: a\x80b\r\n\r\nc\x80d\r\n';
  expect(await ask('BODY.PEEK[]')).toBe(`* 1 FETCH (BODY[] {${whole.length}}\r\n${whole})`);
  expect(await ask('BODY.PEEK[TEXT]<1.3>')).toBe('* 1 FETCH (BODY[TEXT]<1> {3}\r\n\x80d\r)');
  const fields = whole.slice(0, 16);
  expect(await ask('BODY.PEEK[HEADER.FIELDS (SUBJECT)]')).toContain(`{16}\r\n${fields})`);
  expect(await ask('ENVELOPE')).not.toContain('\0');
  expect(await ask('BINARY.PEEK[1]')).toBe('* 1 FETCH (BINARY[1] ~{5}\r\nc\0d\r\n)');
});

test('PREVIEW tells the first words (RFC 8970)', async () => {
  await using host = await startHost();
  await host.deliver(parts);
  await host.deliver(mail({ Subject: 'x' }, `  two   words\n\n${'long '.repeat(100)}`));
  const client = await logIn(host.port, 'INBOX');
  expect((await client.ok('FETCH 1 PREVIEW (LAZY)'))[0]).toBe('* 1 FETCH (PREVIEW NIL)');
  const text = Buffer.from('Grüße & Küsse').toString('latin1');
  expect((await client.ok('FETCH 1 PREVIEW'))[0]).toBe(`* 1 FETCH (PREVIEW {${text.length}}\r\n${text})`);
  expect((await client.ok('FETCH 2 (FLAGS PREVIEW)'))[0]).toMatch(
    /^\* 2 FETCH \(FLAGS \(\) PREVIEW "two words long .{180,190}"\)$/,
  );
});

test('flags, envelopes, sizes and structures are told without opening a message', async () => {
  let opens = 0;
  await using host = await startHost({
    onOpen: () => {
      opens++;
    },
  });
  await host.deliver(parts);
  const client = await logIn(host.port, 'INBOX');
  await client.ok('FETCH 1 (FLAGS ENVELOPE BODY BODYSTRUCTURE RFC822.SIZE INTERNALDATE)');
  await client.ok('SEARCH OR SUBJECT x FROM y SENTSINCE 1-Jan-2020');
  await client.ok('SORT (SUBJECT FROM DATE) UTF-8 ALL');
  expect(opens).toBe(0);
  await client.ok('FETCH 1 BODY.PEEK[1]');
  expect(opens).toBe(1);
});
