/** CATENATE, REPLACE, UIDONLY, IMAP4rev2, UNAUTHENTICATE against the running plugin. */
import { expect, test } from 'vitest';
import { logIn } from './client.js';
import { startHost } from './host.js';

const letter = 'Subject: first\nTo: a@b\n\nold text\n';

test('CATENATE puts a message together from literals and parts of others (RFC 4469)', async () => {
  await using host = await startHost();
  await host.deliver(letter);
  const client = await logIn(host.port, 'INBOX');
  client.send(
    'A1 APPEND INBOX (\\Draft) CATENATE (URL "/INBOX/;UID=1/;SECTION=HEADER" TEXT {10+}\r\nnew text\r\n)\r\n',
  );
  expect(await client.read()).toBe('* 2 EXISTS');
  await client.read();
  expect(await client.read()).toMatch(/^A1 OK \[APPENDUID \d+ 2\]/);
  const whole = 'Subject: first\r\nTo: a@b\r\n\r\nnew text\r\n';
  expect((await client.ok('FETCH 2 BODY.PEEK[]'))[0]).toBe(
    `* 2 FETCH (BODY[] {${whole.length}}\r\n${whole})`,
  );
  client.send(
    'A2 APPEND INBOX CATENATE (TEXT {6+}\r\nA: b\r\n URL {31+}\r\n/INBOX;UIDVALIDITY=1/;UID=99999)\r\n',
  );
  expect(await client.read()).toBe(
    'A2 NO [BADURL /INBOX;UIDVALIDITY=1/;UID=99999] the URL names nothing here',
  );
  for (const url of ['/INBOX/;UID=1/;SECTION=9', '/INBOX;UIDVALIDITY=4294967295/;UID=1']) {
    expect((await client.run(`APPEND INBOX CATENATE (URL "${url}")`)).at(-1), url).toMatch(/^NO \[BADURL/);
  }
  expect((await client.ok('APPEND INBOX CATENATE (URL "/inbox/;UID=1/;PARTIAL=0.9")')).at(-1)).toMatch(/^OK/);
  expect((await client.ok('FETCH 3 RFC822.SIZE'))[0]).toBe('* 3 FETCH (RFC822.SIZE 9)');
  expect(host.errors).toEqual([]);
});

test('REPLACE stores the new message, then removes the old (RFC 8508)', async () => {
  await using host = await startHost();
  await host.deliver(letter);
  await host.deliver(letter);
  const client = await logIn(host.port, 'INBOX');
  client.send('A1 REPLACE 1 INBOX (\\Seen) {6+}\r\nA: b\r\n\r\n');
  expect(await client.read()).toMatch(/^\* OK \[APPENDUID \d+ 3\]/);
  expect(await client.read()).toBe('* 1 EXPUNGE');
  expect(await client.read()).toBe('* 2 EXISTS');
  await client.read();
  expect(await client.read()).toBe('A1 OK replaced');
  client.send('A2 UID REPLACE 2 Drafts {6}\r\n');
  expect(await client.read()).toMatch(/^\+/);
  client.send('A: c\r\n\r\n');
  expect(await client.read()).toMatch(/^\* OK \[APPENDUID/);
  expect(await client.read()).toBe('* 1 EXPUNGE');
  expect(await client.read()).toBe('A2 OK replaced');
  // Nothing is removed for what is not stored, and nothing stored for what is gone.
  expect((await client.run('REPLACE 1 Drafts CATENATE (URL "/INBOX/;UID=99")')).at(-1)).toMatch(
    /^NO \[BADURL/,
  );
  expect((await client.ok('STATUS INBOX (MESSAGES)'))[0]).toContain('MESSAGES 1');
  const other = await logIn(host.port, 'INBOX');
  await other.ok('STORE 1 +FLAGS.SILENT (\\Deleted)');
  await other.ok('EXPUNGE');
  expect((await client.run('REPLACE 1 Drafts {6+}\r\nA: d\r\n')).at(-1)).toMatch(/^BAD/);
  client.send('A3 UID REPLACE 77 Drafts {6+}\r\nA: c\r\n\r\n');
  expect(await client.read()).toMatch(/^A3 NO/);
  expect((await client.ok('STATUS Drafts (MESSAGES)'))[0]).toContain('MESSAGES 1');
});

test('UIDONLY names messages by UID alone (RFC 9586)', async () => {
  await using host = await startHost();
  for (let at = 0; at < 3; at++) await host.deliver(letter);
  const client = await logIn(host.port);
  await client.ok('ENABLE UIDONLY');
  await client.ok('SELECT INBOX');
  expect((await client.run('FETCH 1 FLAGS'))[0]).toMatch(/^BAD \[UIDREQUIRED\]/);
  expect((await client.run('STORE 1 +FLAGS (\\Seen)'))[0]).toMatch(/^BAD \[UIDREQUIRED\]/);
  expect((await client.run('UID SEARCH 1:2'))[0]).toMatch(/^BAD \[UIDREQUIRED\]/);
  expect((await client.run('SELECT INBOX (QRESYNC (1 1 1:3 (1 1)))'))[0]).toMatch(/^BAD \[UIDREQUIRED\]/);
  expect((await client.ok('UID FETCH 2 FLAGS'))[0]).toBe('* 2 UIDFETCH (FLAGS ())');
  expect((await client.ok('UID STORE 2 +FLAGS (\\Deleted)'))[0]).toBe('* 2 UIDFETCH (FLAGS (\\Deleted))');
  expect(await client.ok('EXPUNGE')).toEqual(['* VANISHED 2', 'OK expunged']);
});

test('IMAP4rev2, once enabled, changes what is told (RFC 9051)', async () => {
  await using host = await startHost();
  await host.deliver(letter);
  const client = await logIn(host.port);
  await client.ok('CREATE Gr&APwA3w-e');
  expect(await client.ok('ENABLE IMAP4rev2')).toContain('* ENABLED IMAP4REV2');
  const name = Buffer.from('Grüße').toString('latin1');
  expect((await client.ok('LIST "" Gr*'))[0]).toBe(`* LIST (\\HasNoChildren) "/" "${name}"`);
  const selected = await client.ok('SELECT INBOX');
  expect(selected.join('\n')).not.toContain('RECENT');
  expect(selected).toContain('* LIST () "/" INBOX');
  expect((await client.ok('SEARCH ALL'))[0]).toMatch(/^\* ESEARCH \(TAG "T\d+"\) ALL 1$/);
  expect((await client.ok(`STATUS "${name}" (MESSAGES DELETED SIZE)`))[0]).toBe(
    `* STATUS "${name}" (MESSAGES 0 DELETED 0 SIZE 0)`,
  );
});

test('UNAUTHENTICATE makes the connection as new (RFC 8437)', async () => {
  await using host = await startHost({ config: { limits: { connectionsPerAccountMax: 1 } } });
  await host.deliver(letter);
  const client = await logIn(host.port, 'INBOX');
  await client.ok('ENABLE QRESYNC UTF8=ACCEPT');
  await client.ok('NOTIFY SET (PERSONAL (MessageNew MessageExpunge FlagChange))');
  await client.ok('UNAUTHENTICATE');
  expect(await client.run('NAMESPACE')).toEqual(['BAD log in first']);
  expect(await client.run('LOGIN {2000}')).toEqual(['BAD the literal is too long']);
  const other = await logIn(host.port, 'INBOX');
  await client.ok('LOGIN bob secret');
  expect(await client.run('FETCH 1 BODY[]')).toEqual(['BAD select a mailbox first']);
  await host.deliver(letter, 'Archive');
  await other.ok('STORE 1 +FLAGS (\\Seen)');
  expect(await client.ok('NOOP')).toEqual(['OK nothing done']);
  await client.ok('CREATE Gr&APwA3w-e');
  expect((await client.ok('LIST "" Gr*'))[0]).toContain('Gr&APwA3w-e');
  expect((await client.run('SELECT INBOX (QRESYNC (1 1))')).at(-1)).toBe('BAD enable QRESYNC first');
});
