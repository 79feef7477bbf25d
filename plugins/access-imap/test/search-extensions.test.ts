/** Searches that are fuzzy, kept up to date, or over several mailboxes. */
import { expect, test } from 'vitest';
import { logIn, type TestClient } from './client.js';
import { startHost } from './host.js';

const letter = (subject: string, body = 'body') => `Subject: ${subject}\n\n${body}\n`;
const answers = async (client: TestClient, command: string) =>
  (await client.ok(command)).map((line) => line.replace(/"T\d+"/, 'T'));

test('FUZZY finds what is nearly the same, and tells how near (RFC 6203)', async () => {
  await using host = await startHost();
  await host.deliver(letter('Hello everybody'));
  await host.deliver(letter('nothing', 'please help me'));
  await host.deliver(letter('=?utf-8?q?H=C3=A9lo?=', 'x'));
  await host.deliver(letter('unrelated', 'words'));
  const client = await logIn(host.port, 'INBOX');
  expect(await answers(client, 'SEARCH SUBJECT Helo')).toEqual(['* SEARCH', 'OK that is all']);
  expect((await answers(client, 'SEARCH FUZZY SUBJECT Helo'))[0]).toBe('* SEARCH 1 3');
  expect((await answers(client, 'SEARCH RETURN (ALL RELEVANCY) FUZZY TEXT "Helo"'))[0]).toBe(
    '* ESEARCH (TAG T) ALL 1:3 RELEVANCY (75 75 100)',
  );
  expect((await answers(client, 'SORT (RELEVANCY REVERSE ARRIVAL) UTF-8 FUZZY TEXT Helo'))[0]).toBe(
    '* SORT 3 1 2',
  );
  // The header of the message is not part of its body.
  expect((await answers(client, 'SEARCH FUZZY BODY helo'))[0]).toBe('* SEARCH 2');
  expect((await answers(client, 'SEARCH FUZZY (BODY "me plesae")'))[0]).toBe('* SEARCH');
  expect((await answers(client, 'SEARCH FUZZY (BODY "me pleace")'))[0]).toBe('* SEARCH 2');
  expect((await answers(client, 'SEARCH NOT FUZZY TEXT helo'))[0]).toBe('* SEARCH 4');
  expect((await answers(client, 'SEARCH RETURN (ALL RELEVANCY) FUZZY UNSEEN'))[0]).toBe(
    '* ESEARCH (TAG T) ALL 1:4 RELEVANCY (100 100 100 100)',
  );
  expect((await client.run('SEARCH RETURN (RELEVANCY) TEXT helo'))[0]).toMatch(/^BAD/);
  expect((await client.run('SORT (RELEVANCY) UTF-8 TEXT helo'))[0]).toMatch(/^BAD/);
});

test('UPDATE keeps the result of a search up to date (RFC 5267)', async () => {
  await using host = await startHost();
  for (let at = 0; at < 4; at++) await host.deliver(letter(`m${at}`), 'INBOX', at < 2 ? ['\\Flagged'] : []);
  const client = await logIn(host.port, 'INBOX');
  const other = await logIn(host.port, 'INBOX');
  client.send('A UID SEARCH RETURN (UPDATE COUNT) FLAGGED\r\n');
  expect([await client.read(), await client.read()]).toEqual([
    '* ESEARCH (TAG "A") UID COUNT 2',
    'A OK that is all',
  ]);
  client.send('B SEARCH RETURN (UPDATE CONTEXT) UNFLAGGED\r\n');
  expect([await client.read(), await client.read()]).toEqual([
    '* ESEARCH (TAG "B") ALL 3:4',
    'B OK that is all',
  ]);
  // By another connection, then by one's own.
  await other.ok('STORE 1 -FLAGS.SILENT (\\Flagged)');
  expect(await client.ok('NOOP')).toEqual([
    '* 1 FETCH (UID 1 FLAGS ())',
    '* ESEARCH (TAG "A") UID REMOVEFROM (0 1)',
    '* ESEARCH (TAG "B") ADDTO (0 1)',
    'OK nothing done',
  ]);
  expect(await client.ok('STORE 4 +FLAGS.SILENT (\\Flagged)')).toEqual([
    '* ESEARCH (TAG "A") UID ADDTO (0 4)',
    '* ESEARCH (TAG "B") REMOVEFROM (0 4)',
    'OK stored',
  ]);
  // A delivery, and an expunge: numbers are those before it.
  await host.deliver(letter('new'));
  await other.ok('STORE 1,4 +FLAGS.SILENT (\\Deleted)');
  await other.ok('EXPUNGE');
  expect(await client.ok('NOOP')).toEqual([
    '* ESEARCH (TAG "A") UID REMOVEFROM (0 4)',
    '* ESEARCH (TAG "B") REMOVEFROM (0 1)',
    '* 1 EXPUNGE',
    '* 3 EXPUNGE',
    '* 3 EXISTS',
    '* 0 RECENT',
    '* ESEARCH (TAG "B") ADDTO (0 3)',
    'OK nothing done',
  ]);
  expect(await client.ok('CANCELUPDATE "A" "B"')).toEqual(['OK no longer kept up to date']);
  await other.ok('STORE 1 -FLAGS.SILENT (\\Flagged)');
  expect(await client.ok('NOOP')).toHaveLength(2);
  expect((await client.run('CANCELUPDATE "A"'))[0]).toMatch(/^BAD/);
});

test('updates come while a client idles, and end with the mailbox (RFC 5267)', async () => {
  await using host = await startHost();
  await host.deliver(letter('m'));
  const client = await logIn(host.port, 'INBOX');
  await client.ok('SEARCH RETURN (UPDATE) SUBJECT new');
  client.send('I IDLE\r\n');
  expect(await client.read()).toBe('+ idling');
  await host.deliver(letter('new'));
  expect([await client.read(), await client.read()]).toEqual(['* 2 EXISTS', '* 0 RECENT']);
  expect(await client.read()).toMatch(/^\* ESEARCH \(TAG "T\d+"\) ADDTO \(0 2\)$/);
  client.send('DONE\r\n');
  expect(await client.read()).toBe('I OK idle ended');
  await client.ok('SELECT INBOX');
  await host.deliver(letter('new'));
  expect(await client.ok('NOOP')).toEqual(['* 3 EXISTS', '* 0 RECENT', 'OK nothing done']);
  // Too many, and sorted ones, which are not kept up to date.
  for (let at = 0; at < 20; at++) await client.ok('SEARCH RETURN (UPDATE COUNT) ALL');
  expect((await answers(client, 'SEARCH RETURN (UPDATE COUNT) ALL'))[1]).toMatch(/^\* OK \[NOUPDATE T\]/);
  expect((await answers(client, 'SORT RETURN (UPDATE) (DATE) UTF-8 ALL'))[1]).toMatch(
    /^\* OK \[NOUPDATE T\]/,
  );
});

test('ESEARCH searches several mailboxes (RFC 7377)', async () => {
  await using host = await startHost();
  const client = await logIn(host.port);
  for (const name of ['folder1', 'folder2', 'folder2/salmon', 'folder2/salmon/deep'])
    await client.ok(`CREATE ${name}`);
  await host.deliver(letter('chad'), 'folder1');
  for (let at = 0; at < 3; at++) await host.deliver(letter(at === 1 ? 'other' : 'chad'), 'folder2/salmon');
  await host.deliver(letter('chad'), 'folder2/salmon/deep');
  await host.deliver(letter('chad'));
  const boxes = async (command: string) =>
    (await client.ok(command))
      .map((line) => line.replace(/"T\d+"/, 'T').replace(/UIDVALIDITY \d+/, 'V'))
      .slice(0, -1);
  expect(await boxes('ESEARCH IN (mailboxes folder1 subtree folder2) SUBJECT "chad"')).toEqual([
    '* ESEARCH (TAG T MAILBOX folder1 V) UID ALL 1',
    '* ESEARCH (TAG T MAILBOX folder2/salmon V) UID ALL 1,3',
    '* ESEARCH (TAG T MAILBOX folder2/salmon/deep V) UID ALL 1',
  ]);
  expect(await boxes('ESEARCH IN (subtree-one (folder1 folder2)) RETURN (COUNT MAX) SUBJECT chad')).toEqual([
    '* ESEARCH (TAG T MAILBOX folder1 V) UID MAX 1 COUNT 1',
    '* ESEARCH (TAG T MAILBOX folder2/salmon V) UID MAX 3 COUNT 2',
  ]);
  expect(await boxes('ESEARCH IN (inboxes) SUBJECT chad')).toHaveLength(1);
  expect(await boxes('ESEARCH IN (personal) SUBJECT chad')).toHaveLength(4);
  expect((await client.run('ESEARCH SUBJECT chad'))[0]).toBe('BAD no mailbox is selected');
  await client.ok('SELECT folder1');
  expect(await boxes('ESEARCH SUBJECT chad')).toEqual(['* ESEARCH (TAG T MAILBOX folder1 V) UID ALL 1']);
  expect(await boxes('ESEARCH IN (selected personal) 1:* SUBJECT chad').catch(() => 'refused')).toBe(
    'refused',
  );
  expect((await client.run('ESEARCH IN (personal) RETURN (SAVE) ALL'))[0]).toMatch(/^BAD/);
  expect((await client.run('ESEARCH IN (personal) RETURN (UPDATE) ALL'))[0]).toMatch(/^BAD/);
  expect((await client.run('ESEARCH IN (nowhere) ALL'))[0]).toMatch(/^BAD/);
});

test('a kept result by sequence number loses messages by the numbers they had', async () => {
  await using host = await startHost();
  for (let at = 0; at < 5; at++) await host.deliver(letter(`m${at}`));
  const client = await logIn(host.port, 'INBOX');
  const other = await logIn(host.port, 'INBOX');
  await client.ok('SEARCH RETURN (UPDATE COUNT) ALL');
  await other.ok('STORE 1,3:4 +FLAGS.SILENT (\\Deleted)');
  await other.ok('EXPUNGE');
  const told = await answers(client, 'NOOP');
  expect(told.slice(0, 4)).toEqual([
    '* ESEARCH (TAG T) REMOVEFROM (0 1,3:4)',
    '* 1 EXPUNGE',
    '* 2 EXPUNGE',
    '* 2 EXPUNGE',
  ]);
});
