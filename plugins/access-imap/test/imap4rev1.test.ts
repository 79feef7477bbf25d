import { expect, test } from 'vitest';
import { connectClient, logIn } from './client.js';
import { startHost } from './host.js';

const letter = `From: Alice <alice@example.org>
To: bob@example.net
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
Date: Mon, 1 Jan 2024 10:00:00 +0100
Message-ID: <1@example.org>

Hello Bob,
how are you?
`;

test('greets with its capabilities and refuses what is out of order', async () => {
  await using host = await startHost();
  const client = await connectClient(host.port);
  expect(client.greeting).toMatch(/^\* OK \[CAPABILITY IMAP4rev1 [^\]]*AUTH=PLAIN/);
  expect(await client.run('SELECT INBOX')).toEqual(['BAD log in first']);
  expect(await client.run('FETCH 1 FLAGS')).toEqual(['BAD log in first']);
  expect(await client.run('FLY')).toEqual(['BAD unknown command']);
  expect((await client.run('LOGIN alice secret')).at(-1)).toMatch(/^OK \[CAPABILITY .*IDLE/);
  expect(await client.run('LOGIN alice secret')).toEqual(['BAD already logged in']);
  expect(await client.run('CHECK')).toEqual(['BAD select a mailbox first']);
  expect(await client.run('LOGOUT')).toEqual(['* BYE until next time', 'OK logged out']);
  await client.closed();
});

test('a SELECT that fails leaves no mailbox selected', async () => {
  await using host = await startHost();
  await host.deliver(letter);
  const client = await logIn(host.port, 'INBOX');
  expect((await client.run('SELECT Nope')).at(-1)).toMatch(/^NO \[NONEXISTENT\]/);
  expect(await client.run('FETCH 1 FLAGS')).toEqual(['BAD select a mailbox first']);
});

test('offers no login without TLS unless that is asked for', async () => {
  await using host = await startHost({ config: { plaintextAuth: false } });
  const client = await connectClient(host.port);
  expect(client.greeting).toContain('LOGINDISABLED');
  expect(client.greeting).not.toContain('AUTH=');
  expect((await client.run('LOGIN alice secret'))[0]).toMatch(/^NO \[PRIVACYREQUIRED\]/);
  expect((await client.run('AUTHENTICATE PLAIN AGEAYg=='))[0]).toMatch(/^NO \[PRIVACYREQUIRED\]/);
  client.close();
});

test('logs in by PLAIN and LOGIN, with and without an initial response', async () => {
  await using host = await startHost({ config: { limits: { loginFailureDelayMs: 0 } } });
  const plain = Buffer.from('\0alice\0secret').toString('base64');
  const first = await connectClient(host.port);
  await first.ok(`AUTHENTICATE PLAIN ${plain}`);
  const second = await connectClient(host.port);
  second.send('A1 AUTHENTICATE PLAIN\r\n');
  expect(await second.read()).toBe('+ ');
  second.send(`${plain}\r\n`);
  expect(await second.read()).toMatch(/^A1 OK/);
  const third = await connectClient(host.port);
  third.send('A1 AUTHENTICATE LOGIN\r\n');
  expect(await third.read()).toBe('+ VXNlcm5hbWU6');
  third.send(`${Buffer.from('alice').toString('base64')}\r\n`);
  expect(await third.read()).toBe('+ UGFzc3dvcmQ6');
  third.send(`${Buffer.from('wrong').toString('base64')}\r\n`);
  expect(await third.read()).toMatch(/^A1 NO \[AUTHENTICATIONFAILED\]/);
  third.send('A2 AUTHENTICATE PLAIN\r\n');
  await third.read();
  third.send('*\r\n');
  expect(await third.read()).toMatch(/^A2 BAD/);
  for (const client of [first, second, third]) client.close();
});

test('selects, fetches, stores, searches, copies, expunges', async () => {
  await using host = await startHost();
  await host.deliver(letter);
  await host.deliver(letter.replace('Hello', 'Goodbye'), 'INBOX', ['\\Flagged']);
  const client = await logIn(host.port);
  const selected = await client.ok('SELECT inbox');
  expect(selected).toContain('* 2 EXISTS');
  expect(selected).toContain('* OK [UNSEEN 1] first unseen');
  expect(selected.at(-1)).toMatch(/^OK \[READ-WRITE\]/);
  const [fetched] = await client.ok('FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE)');
  const size = letter.replaceAll('\n', '\r\n').length;
  expect(fetched).toBe(
    `* 1 FETCH (UID 1 FLAGS () INTERNALDATE " 2-Jan-2024 00:00:00 +0000" RFC822.SIZE ${size})`,
  );
  expect((await client.ok('FETCH 1 ENVELOPE'))[0]).toBe(
    '* 1 FETCH (ENVELOPE ("Mon, 1 Jan 2024 10:00:00 +0100" "=?utf-8?q?Gr=C3=BC=C3=9Fe?=" ' +
      '(("Alice" NIL "alice" "example.org")) (("Alice" NIL "alice" "example.org")) ' +
      '(("Alice" NIL "alice" "example.org")) ((NIL NIL "bob" "example.net")) NIL NIL NIL "<1@example.org>"))',
  );
  expect((await client.ok('FETCH 1 BODY.PEEK[TEXT]'))[0]).toBe(
    '* 1 FETCH (BODY[TEXT] {26}\r\nHello Bob,\r\nhow are you?\r\n)',
  );
  expect((await client.ok('FETCH 2 BODY[HEADER.FIELDS (TO)]'))[0]).toBe(
    '* 2 FETCH (FLAGS (\\Flagged \\Seen) BODY[HEADER.FIELDS (TO)] {25}\r\nTo: bob@example.net\r\n\r\n)'.replace(
      '{25}',
      '{23}',
    ),
  );
  expect(await client.ok('SEARCH SUBJECT "gr\u00c3\u00bc\u00c3\u009f"')).toEqual([
    '* SEARCH 1 2',
    'OK that is all',
  ]);
  expect(await client.ok('UID SEARCH BODY goodbye UNSEEN')).toEqual(['* SEARCH', 'OK that is all']);
  expect((await client.ok('UID SEARCH TEXT goodbye SEEN'))[0]).toBe('* SEARCH 2');
  expect(await client.ok('STORE 1 +FLAGS (\\Deleted $Work)')).toContain(
    '* 1 FETCH (FLAGS ($Work \\Deleted))',
  );
  expect((await client.ok('COPY 1:2 Archive')).at(-1)).toMatch(/^OK \[COPYUID \d+ 1:2 1:2\]/);
  expect(await client.ok('EXPUNGE')).toEqual(['* 1 EXPUNGE', 'OK expunged']);
  expect(await client.ok('UID MOVE 2 Trash')).toEqual([
    expect.stringMatching(/^\* OK \[COPYUID \d+ 2 1\] moved$/),
    '* 1 EXPUNGE',
    'OK moved',
  ]);
  expect((await client.ok('STATUS Archive (MESSAGES UIDNEXT UNSEEN)'))[0]).toBe(
    '* STATUS Archive (MESSAGES 2 UIDNEXT 3 UNSEEN 1)',
  );
  expect(host.errors).toEqual([]);
  client.close();
});

test('appends with waiting and other literals, and refuses before the octets are sent', async () => {
  await using host = await startHost({ config: { limits: { messageOctetsMax: 1000 } } });
  const client = await logIn(host.port, 'INBOX');
  const message = 'Subject: hi\r\n\r\nbody\r\n';
  client.send(`A1 APPEND Drafts (\\Draft) " 1-Feb-2020 01:02:03 +0100" {${message.length}}\r\n`);
  expect(await client.read()).toMatch(/^\+ /);
  client.send(`${message}\r\n`);
  expect(await client.read()).toMatch(/^A1 OK \[APPENDUID \d+ 1\]/);
  client.send(`A2 APPEND INBOX {${message.length}+}\r\n${message}\r\n`);
  expect(await client.read()).toBe('* 1 EXISTS');
  expect(await client.read()).toBe('* 0 RECENT');
  expect(await client.read()).toMatch(/^A2 OK \[APPENDUID \d+ 1\]/);
  client.send('A3 APPEND Nowhere {20}\r\n');
  expect(await client.read()).toMatch(/^A3 NO \[TRYCREATE\]/);
  client.send('A4 APPEND INBOX {2000}\r\n');
  expect(await client.read()).toMatch(/^A4 NO \[TOOBIG\]/);
  client.send(`A5 APPEND INBOX {1500+}\r\n${'x'.repeat(1500)}\r\nA6 NOOP\r\n`);
  expect(await client.read()).toMatch(/^A5 NO \[TOOBIG\]/);
  expect(await client.read()).toMatch(/^A6 OK/);
  await client.ok('SELECT Drafts');
  expect((await client.ok('FETCH 1 (FLAGS INTERNALDATE BODY[])'))[0]).toBe(
    `* 1 FETCH (FLAGS (\\Draft \\Seen) INTERNALDATE " 1-Feb-2020 00:02:03 +0000" BODY[] {${message.length}}\r\n${message})`,
  );
  expect(host.errors).toEqual([]);
  client.close();
});

test('lists, creates, renames, subscribes and deletes mailboxes', async () => {
  await using host = await startHost();
  const client = await logIn(host.port);
  expect(await client.ok('LIST "" ""')).toEqual(['* LIST (\\Noselect) "/" ""', 'OK that is the separator']);
  expect(await client.ok('LIST "" %')).toContain('* LIST (\\HasNoChildren \\Sent) "/" Sent');
  await client.ok('CREATE Work/Reports/');
  await client.ok('CREATE "Entw&APw-rfe"');
  expect(await client.ok('LIST "" Entw*')).toContain('* LIST (\\HasNoChildren) "/" Entw&APw-rfe');
  expect(await client.ok('LIST Work/ %')).toContain('* LIST (\\HasNoChildren) "/" Work/Reports');
  expect(await client.run('CREATE "broken&"')).toEqual(['NO [CANNOT] the mailbox name is not valid']);
  expect((await client.run('CREATE inbox'))[0]).toMatch(/^NO/);
  await client.ok('SUBSCRIBE Work/Reports');
  expect(await client.ok('LSUB "" Work/%')).toEqual([
    '* LSUB (\\HasNoChildren) "/" Work/Reports',
    'OK that is all',
  ]);
  await client.ok('RENAME Work Job');
  expect(await client.ok('LIST "" Job*')).toHaveLength(3);
  await client.ok('DELETE Job');
  expect((await client.ok('LIST "" Job*'))[0]).toBe('* LIST (\\Noselect \\HasChildren) "/" Job');
  expect((await client.run('DELETE Nothing'))[0]).toMatch(/^NO \[NONEXISTENT\]/);
  client.close();
});
