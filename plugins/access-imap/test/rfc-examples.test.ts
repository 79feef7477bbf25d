/** Examples of the RFCs, as far as they do not depend on a server's own words. */

import { bodyFromBytes } from '@postroad/core';
import { expect, test } from 'vitest';
import { connectClient, logIn } from './client.js';
import { accountId, startHost } from './host.js';

const crlf = (text: string) => text.replace(/\r?\n/g, '\r\n');

test('the sample connection of RFC 3501 section 8', async () => {
  await using host = await startHost();
  const header = crlf(`Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)
From: Terry Gray <gray@cac.washington.edu>
Subject: IMAP4rev1 WG mtg summary and minutes
To: imap@cac.washington.edu
cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>
Message-Id: <B27397-0100000@cac.washington.edu>
MIME-Version: 1.0
Content-Type: TEXT/PLAIN; CHARSET=US-ASCII

`);
  // 92 lines, 3028 octets, as there.
  const text = `${`${'x'.repeat(31)}\r\n`.repeat(91)}${'y'.repeat(3028 - 91 * 33 - 2)}\r\n`;
  for (let at = 1; at <= 18; at++) {
    const body = bodyFromBytes(Buffer.from(at === 12 ? header + text : 'Subject: other\r\n\r\n', 'latin1'));
    const internalDateMs = Date.UTC(1996, 6, 17, 9, 44, 25);
    const filing = { accountId, mailbox: { name: 'INBOX' }, flags: at < 17 ? ['\\Seen'] : [] };
    await host.store.file({ prefix: '', body, internalDateMs }, [filing]);
  }
  const client = await connectClient(host.port);
  await client.ok(`login ${accountId} secret`);
  const selected = await client.ok('select inbox');
  expect(selected).toContain('* 18 EXISTS');
  expect(selected).toContain('* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)');
  expect(selected.some((line) => line.startsWith('* OK [UNSEEN 17]'))).toBe(true);
  expect(selected.at(-1)).toMatch(/^OK \[READ-WRITE\]/);
  const size = header.length + text.length;
  expect((await client.ok('fetch 12 full'))[0]).toBe(
    `* 12 FETCH (FLAGS (\\Seen) INTERNALDATE "17-Jul-1996 09:44:25 +0000" RFC822.SIZE ${size} ` +
      'ENVELOPE ("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary and minutes" ' +
      '(("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) ' +
      '(("Terry Gray" NIL "gray" "cac.washington.edu")) ((NIL NIL "imap" "cac.washington.edu")) ' +
      '((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL ' +
      '"<B27397-0100000@cac.washington.edu>") BODY ("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 3028 92))',
  );
  expect((await client.ok('fetch 12 body[header]'))[0]).toBe(`* 12 FETCH (BODY[HEADER] {342}\r\n${header})`);
  expect((await client.ok('store 12 +flags \\deleted'))[0]).toBe('* 12 FETCH (FLAGS (\\Deleted \\Seen))');
  expect((await client.ok('logout'))[0]).toMatch(/^\* BYE/);
});

/** A multipart of named leaves; each leaf's text is its part number. */
const complex = crlf(`Subject: top
Content-Type: multipart/mixed; boundary=a

--a
Content-Type: text/plain

1
--a
Content-Type: application/octet-stream

2
--a
Content-Type: message/rfc822

Subject: three
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

3.1
--b
Content-Type: application/octet-stream

3.2
--b--
--a
Content-Type: multipart/mixed; boundary=c

--c
Content-Type: image/gif

4.1
--c
Content-Type: message/rfc822

Subject: four-two
Content-Type: multipart/mixed; boundary=d

--d
Content-Type: text/plain

4.2.1
--d
Content-Type: multipart/alternative; boundary=e

--e
Content-Type: text/plain

4.2.2.1
--e
Content-Type: text/richtext

4.2.2.2
--e--
--d--
--c--
--a--
`);

test('the part numbers of RFC 3501 section 6.4.5', async () => {
  await using host = await startHost();
  await host.deliver(complex);
  const client = await logIn(host.port, 'INBOX');
  const fetch = async (section: string) => {
    const [response] = await client.ok(`FETCH 1 BODY.PEEK[${section}]`);
    return response?.replace(/^.*?\] (?:\{\d+\}\r\n)?/s, '').slice(0, -1);
  };
  for (const leaf of ['1', '2', '3.1', '3.2', '4.1', '4.2.1', '4.2.2.1', '4.2.2.2'])
    expect(await fetch(leaf)).toBe(leaf);
  expect(await fetch('HEADER')).toBe('Subject: top\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n');
  expect(await fetch('TEXT')).toBe(complex.slice(complex.indexOf('\r\n\r\n') + 4));
  expect(await fetch('3.HEADER')).toContain('Subject: three');
  expect(await fetch('3.TEXT')).toMatch(/^--b\r\n[\s\S]*--b--$/);
  expect(await fetch('3')).toMatch(/^Subject: three[\s\S]*--b--$/);
  expect(await fetch('4')).toMatch(/^--c\r\n[\s\S]*--c--$/);
  expect(await fetch('4.1.MIME')).toBe('Content-Type: image/gif\r\n\r\n');
  expect(await fetch('4.2.HEADER')).toContain('Subject: four-two');
  expect(await fetch('4.2.TEXT')).toMatch(/^--d\r\n[\s\S]*--d--$/);
  expect(await fetch('4.2.2')).toMatch(/^--e\r\n[\s\S]*--e--$/);
  expect(await fetch('3.HEADER.FIELDS (subject)')).toBe('Subject: three\r\n\r\n');
  for (const none of ['5', '1.1', '4.3', '3.3', '1.HEADER', '4.2.2.3', '1.TEXT'])
    expect(await fetch(none), none).toBe('NIL');
  expect((await client.run('FETCH 1 BODY.PEEK[MIME]'))[0]).toMatch(/^BAD/);
  expect((await client.run('FETCH 1 BODY.PEEK[1.]'))[0]).toMatch(/^BAD/);
  expect((await client.run('FETCH 1 BODY.PEEK[0]'))[0]).toMatch(/^BAD/);
});

test('LIST as in RFC 3501 section 6.3.8 and RFC 9051 section 6.3.9', async () => {
  await using host = await startHost();
  const client = await logIn(host.port);
  for (const name of ['foo', 'foo/bar', 'blurdybloop']) await client.ok(`CREATE ${name}`);
  const names = async (command: string) =>
    (await client.ok(command)).slice(0, -1).map((line) => line.replace(/^.* "\/" /, ''));
  expect(await names('LIST "" foo*')).toEqual(['foo', 'foo/bar']);
  expect(await names('LIST foo/ *')).toEqual(['foo/bar']);
  expect(await names('LIST "" %/%')).toEqual(['foo/bar']);
  expect(await names('LIST "" nothing')).toEqual([]);
  expect(await names('LIST /usr/staff/ ""')).toEqual(['""']);
});

test('an empty mailbox, and numbers that are not there', async () => {
  await using host = await startHost();
  const client = await logIn(host.port, 'INBOX');
  expect(await client.ok('FETCH 1:* FLAGS')).toEqual(['OK that is all']);
  expect(await client.ok('UID FETCH 1:* FLAGS')).toEqual(['OK that is all']);
  expect(await client.ok('SEARCH ALL')).toEqual(['* SEARCH', 'OK that is all']);
  expect((await client.run('FETCH 1 FLAGS'))[0]).toMatch(/^BAD/);
  await host.deliver('Subject: x\n\ny\n');
  await client.ok('NOOP');
  expect((await client.run('FETCH 2 FLAGS'))[0]).toMatch(/^BAD/);
  expect((await client.run('STORE 1:2 FLAGS (\\Seen)'))[0]).toMatch(/^BAD/);
  expect(await client.ok('UID FETCH 7 FLAGS')).toEqual(['OK that is all']);
  expect(await client.ok('UID FETCH 7:* UID')).toEqual(['* 1 FETCH (UID 1)', 'OK that is all']);
  expect((await client.ok('FETCH * UID'))[0]).toBe('* 1 FETCH (UID 1)');
});
