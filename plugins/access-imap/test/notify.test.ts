/** NOTIFY (RFC 5465): what happens is told as it happens, without IDLE. */
import { expect, test } from 'vitest';
import { logIn, type TestClient } from './client.js';
import { startHost } from './host.js';

const letter = (subject: string) => `Subject: ${subject}\n\nbody\n`;

async function read(client: TestClient, count: number): Promise<string[]> {
  const lines: string[] = [];
  for (let at = 0; at < count; at++)
    lines.push((await client.read()).replace(/UIDVALIDITY \d+/, 'UIDVALIDITY 1'));
  return lines;
}

test('other mailboxes are told of by STATUS', async () => {
  await using host = await startHost();
  await host.deliver(letter('a'), 'Archive');
  const client = await logIn(host.port, 'INBOX');
  const told = await client.ok(
    'NOTIFY SET STATUS (selected (MessageNew MessageExpunge)) (mailboxes (Archive Sent) (MessageNew MessageExpunge FlagChange))',
  );
  expect(told.map((line) => line.replace(/UIDVALIDITY \d+/, 'UIDVALIDITY 1'))).toEqual([
    '* STATUS Archive (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 1 UNSEEN 1)',
    '* STATUS Sent (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 1 UNSEEN 0)',
    'OK changes are told as they happen',
  ]);
  await host.deliver(letter('b'), 'Archive');
  expect(await read(client, 1)).toEqual(['* STATUS Archive (MESSAGES 2 UIDNEXT 3 UIDVALIDITY 1 UNSEEN 2)']);
  const other = await logIn(host.port, 'Archive');
  await other.ok('STORE 1 +FLAGS.SILENT (\\Seen)');
  expect(await read(client, 1)).toEqual(['* STATUS Archive (MESSAGES 2 UIDNEXT 3 UIDVALIDITY 1 UNSEEN 1)']);
  await other.ok('STORE 1 +FLAGS.SILENT (\\Deleted)');
  await other.ok('EXPUNGE');
  expect((await read(client, 2)).at(-1)).toBe(
    '* STATUS Archive (MESSAGES 1 UIDNEXT 3 UIDVALIDITY 1 UNSEEN 1)',
  );
  // Drafts was not asked for; after it something that was shows that nothing came.
  await host.deliver(letter('c'), 'Drafts');
  await host.deliver(letter('d'), 'Sent');
  expect(await read(client, 1)).toEqual(['* STATUS Sent (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 1 UNSEEN 1)']);
});

test('new messages of the selected mailbox are told with what was asked for', async () => {
  await using host = await startHost();
  const client = await logIn(host.port, 'INBOX');
  await client.ok(
    'NOTIFY SET (selected (MessageNew (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)]) MessageExpunge))',
  );
  await host.deliver(letter('new'), 'INBOX', ['\\Flagged']);
  expect(await read(client, 3)).toEqual([
    '* 1 EXISTS',
    '* 0 RECENT',
    '* 1 FETCH (UID 1 FLAGS (\\Flagged) BODY[HEADER.FIELDS (SUBJECT)] {16}\r\nSubject: new\r\n\r\n)',
  ]);
  const other = await logIn(host.port, 'INBOX');
  // Flags were not asked for; the expunge is told at once.
  await other.ok('STORE 1 +FLAGS.SILENT (\\Deleted)');
  await other.ok('EXPUNGE');
  expect(await read(client, 1)).toEqual(['* 1 EXPUNGE']);
  // And within IDLE too.
  client.send('I IDLE\r\n');
  expect(await read(client, 1)).toEqual(['+ idling']);
  await host.deliver(letter('x'));
  expect((await read(client, 3))[0]).toBe('* 1 EXISTS');
  client.send('DONE\r\n');
  expect(await read(client, 1)).toEqual(['I OK idle ended']);
});

test('with selected-delayed an expunge waits for a command that allows it', async () => {
  await using host = await startHost();
  await host.deliver(letter('one'));
  const client = await logIn(host.port, 'INBOX');
  await client.ok('NOTIFY SET (selected-delayed (MessageNew MessageExpunge FlagChange))');
  const other = await logIn(host.port, 'INBOX');
  await other.ok('STORE 1 +FLAGS.SILENT (\\Deleted)');
  expect(await read(client, 1)).toEqual(['* 1 FETCH (UID 1 FLAGS (\\Deleted))']);
  await other.ok('EXPUNGE');
  await host.deliver(letter('two'));
  expect(await read(client, 2)).toEqual(['* 2 EXISTS', '* 0 RECENT']);
  expect(await client.ok('FETCH 2 FLAGS')).toEqual(['* 2 FETCH (FLAGS ())', 'OK that is all']);
  expect((await client.ok('NOOP'))[0]).toBe('* 1 EXPUNGE');
});

test('mailboxes made, renamed, subscribed and removed, and annotations, are told of', async () => {
  await using host = await startHost();
  const client = await logIn(host.port);
  await client.ok(
    'NOTIFY SET (personal (MailboxName SubscriptionChange MailboxMetadataChange ServerMetadataChange))',
  );
  const other = await logIn(host.port);
  await other.ok('CREATE Work');
  expect(await read(client, 1)).toEqual(['* LIST () "/" Work']);
  await other.ok('RENAME Work Play');
  expect(await read(client, 1)).toEqual(['* LIST () "/" Play ("OLDNAME" (Work))']);
  await other.ok('SUBSCRIBE Play');
  expect(await read(client, 1)).toEqual(['* LIST (\\Subscribed) "/" Play']);
  await other.ok('SETMETADATA Play (/shared/comment "x")');
  expect(await read(client, 1)).toEqual(['* METADATA Play /shared/comment']);
  await other.ok('SETMETADATA "" (/private/comment "x")');
  expect(await read(client, 1)).toEqual(['* METADATA "" /private/comment']);
  await other.ok('DELETE Play');
  expect(await read(client, 1)).toEqual(['* LIST (\\NonExistent) "/" Play']);
  await client.ok('NOTIFY NONE');
  await other.ok('CREATE Silent');
  expect(await client.ok('NOOP')).toEqual(['OK nothing done']);
});

test('what happens during a command is told after it, and the first filter that fits decides', async () => {
  await using host = await startHost();
  const client = await logIn(host.port);
  await client.ok('NOTIFY SET (mailboxes Archive NONE) (personal (MessageNew MessageExpunge))');
  await host.deliver(letter('a'), 'Archive');
  await client.ok('CREATE New');
  client.send('A APPEND New {20}\r\n');
  expect(await read(client, 1)).toEqual(['+ go ahead']);
  client.send('Subject: x\r\n\r\n123456\r\n');
  const lines = await read(client, 2);
  expect(lines[0]).toMatch(/^A OK \[APPENDUID \d+ 1\]/);
  expect(lines[1]).toBe('* STATUS New (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 1)');
});

test('what makes no sense is refused (RFC 5465 section 8)', async () => {
  await using host = await startHost();
  const client = await logIn(host.port, 'INBOX');
  for (const bad of [
    'NOTIFY SET',
    'NOTIFY SET (personal (MessageNew))',
    'NOTIFY SET (personal (FlagChange))',
    'NOTIFY SET (selected (MessageNew MessageExpunge)) (selected-delayed (MessageNew MessageExpunge))',
    'NOTIFY SET (personal (MessageNew (FLAGS) MessageExpunge))',
    'NOTIFY SET (nowhere (MessageNew MessageExpunge))',
  ]) {
    expect((await client.run(bad))[0], bad).toMatch(/^BAD/);
  }
  expect((await client.run('NOTIFY SET (personal (AnnotationChange))'))[0]).toMatch(
    /^NO \[BADEVENT \(MessageNew MessageExpunge FlagChange /,
  );
});

test('mailboxes of others are told of as far as their rights allow, and no longer', async () => {
  await using host = await startHost();
  const alice = await logIn(host.port);
  const bob = await logIn(host.port, undefined, 'bob');
  const work = '"Other Users/alice/Work"';
  await alice.ok('CREATE Work');
  await bob.ok(
    'NOTIFY SET (personal (MessageNew MessageExpunge)) (subtree "Other Users" (MessageNew MessageExpunge FlagChange MailboxName MailboxMetadataChange))',
  );
  await alice.ok('SETACL Work bob lr');
  expect(await read(bob, 1)).toEqual([`* LIST () "/" ${work}`]);
  await host.deliver(letter('a'), 'Work');
  // What alice keeps to herself is no news to bob, and the other way round.
  await host.deliver(letter('a'), 'INBOX');
  await alice.ok('SETMETADATA Work (/private/comment "x")');
  await alice.ok('SETMETADATA Work (/shared/comment "x")');
  expect(await read(bob, 2)).toEqual([
    `* STATUS ${work} (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 1 UNSEEN 1)`,
    `* METADATA ${work} /shared/comment`,
  ]);
  await alice.ok('RENAME Work Play');
  expect(await read(bob, 1)).toEqual([`* LIST () "/" "Other Users/alice/Play" ("OLDNAME" (${work}))`]);
  await bob.ok('SETMETADATA "Other Users/alice/Play" (/private/comment "y")');
  expect(await read(bob, 1)).toEqual(['* METADATA "Other Users/alice/Play" /private/comment']);
  // Without `r` its content is not told, without `l` not even that it is there.
  await alice.ok('SETACL Play bob l');
  await host.deliver(letter('b'), 'Play');
  await alice.ok('SETACL Play bob r');
  expect(await read(bob, 1)).toEqual(['* LIST (\\NoAccess) "/" "Other Users/alice/Play"']);
  await alice.ok('DELETEACL Play bob');
  await host.deliver(letter('c'), 'Play');
  await alice.ok('RENAME Play Work');
  expect(await bob.ok('NOOP')).toEqual(['OK nothing done']);
  // What is shared with everybody is shared with bob; what is deleted is not there.
  await alice.ok('SETACL Work anyone lr');
  expect(await read(bob, 1)).toEqual([`* LIST () "/" ${work}`]);
  await alice.ok('DELETE Work');
  expect(await read(bob, 1)).toEqual([`* LIST (\\NonExistent) "/" ${work}`]);
});

test('STATUS at the beginning tells of mailboxes of others that may be read', async () => {
  await using host = await startHost();
  const alice = await logIn(host.port);
  for (const [name, rights] of [
    ['Open', 'lr'],
    ['Closed', 'l'],
  ]) {
    await alice.ok(`CREATE ${name}`);
    await alice.ok(`SETACL ${name} bob ${rights}`);
  }
  const bob = await logIn(host.port, undefined, 'bob');
  const told = await bob.ok(
    'NOTIFY SET STATUS (subtree "Other Users" (MessageNew MessageExpunge FlagChange))',
  );
  expect(told.filter((line) => line.startsWith('* STATUS'))).toHaveLength(1);
  expect(told[0]).toContain('"Other Users/alice/Open"');
  await alice.ok('SETACL Open bob lrs');
  await host.deliver(letter('flags'), 'Open');
  expect(await read(bob, 1)).toEqual([
    '* STATUS "Other Users/alice/Open" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 1 UNSEEN 1)',
  ]);
});

test('whoever may not read the selected mailbox any more is shown out at once', async () => {
  await using host = await startHost();
  const alice = await logIn(host.port);
  await alice.ok('CREATE Work');
  await alice.ok('SETACL Work bob lrst');
  await host.deliver(letter('a'), 'Work');
  const idle = await logIn(host.port, undefined, 'bob');
  const busy = await logIn(host.port, undefined, 'bob');
  for (const client of [idle, busy]) await client.ok('SELECT "Other Users/alice/Work"');
  // Fewer rights count from the next command on.
  await alice.ok('SETACL Work bob lr');
  expect((await busy.run('STORE 1 +FLAGS (\\Seen)')).at(-1)).toMatch(/^NO \[NOPERM\]/);
  idle.send('A IDLE\r\n');
  expect(await read(idle, 1)).toEqual(['+ idling']);
  await alice.ok('DELETEACL Work bob');
  await host.deliver(letter('secret'), 'Work');
  expect(await read(idle, 1)).toEqual(['* BYE you may not read the selected mailbox any more']);
  busy.send('B FETCH 1:* BODY.PEEK[]\r\n');
  expect(await read(busy, 1)).toEqual(['* BYE you may not read the selected mailbox any more']);
  await idle.closed();
  await busy.closed();
});
