/** Annotations (RFC 5464, RFC 9590). */
import { expect, test } from 'vitest';
import { logIn } from './client.js';
import { startHost } from './host.js';

test('annotations are set, told and removed, as in RFC 5464', async () => {
  await using host = await startHost();
  const client = await logIn(host.port);
  expect(
    await client.ok('SETMETADATA INBOX (/private/comment "My new comment" /SHARED/Comment "Ours")'),
  ).toEqual(['OK annotated']);
  expect(await client.ok('GETMETADATA "INBOX" (/shared/comment /private/comment)')).toEqual([
    '* METADATA INBOX (/shared/comment "Ours" /private/comment "My new comment")',
    'OK these are the annotations',
  ]);
  client.send('L SETMETADATA INBOX (/private/comment ~{5}\r\n');
  expect(await client.read()).toBe('+ go ahead');
  client.send('a\0\xff"\n)\r\n');
  expect(await client.read()).toBe('L OK annotated');
  expect((await client.ok('GETMETADATA INBOX /private/comment'))[0]).toBe(
    '* METADATA INBOX (/private/comment ~{5}\r\na\0\xff"\n)',
  );
  await client.ok('SETMETADATA INBOX (/private/comment NIL)');
  expect((await client.ok('GETMETADATA INBOX /private/comment'))[0]).toBe(
    '* METADATA INBOX (/private/comment NIL)',
  );
  await client.ok('SETMETADATA "" (/private/vendor/x "mine")');
  expect((await client.ok('GETMETADATA "" /private/vendor/x'))[0]).toBe(
    '* METADATA "" (/private/vendor/x "mine")',
  );
  expect(await client.run('SETMETADATA "" (/shared/comment "x")')).toEqual([
    'NO [NOPERM] the annotation can not be changed',
  ]);
});

test('DEPTH and MAXSIZE narrow what is told', async () => {
  await using host = await startHost();
  const client = await logIn(host.port);
  await client.ok('CREATE Work');
  await client.ok(
    'SETMETADATA Work (/private/filters/values/small "SMALLER 5000" /private/filters/values/boss "FROM boss" /private/filters "x")',
  );
  const told = async (command: string) => (await client.ok(command))[0];
  expect(await told('GETMETADATA (DEPTH 1) Work (/private/filters/values)')).toBe(
    '* METADATA Work (/private/filters/values/small "SMALLER 5000" /private/filters/values/boss "FROM boss")',
  );
  expect(await told('GETMETADATA (DEPTH 1) Work /private/filters')).toBe(
    '* METADATA Work (/private/filters "x")',
  );
  expect(await told('GETMETADATA (DEPTH infinity) Work /private/filters')).toMatch(/x.*SMALLER.*FROM/);
  expect(await client.ok('GETMETADATA (MAXSIZE 10 DEPTH infinity) Work /private/filters')).toEqual([
    '* METADATA Work (/private/filters "x" /private/filters/values/boss "FROM boss")',
    'OK [METADATA LONGENTRIES 12] some annotations are longer',
  ]);
});

test('LIST tells annotations with the mailboxes (RFC 9590)', async () => {
  await using host = await startHost();
  const client = await logIn(host.port);
  await client.ok('SETMETADATA Sent (/shared/vendor/color "#b71c1c")');
  const listed = await client.ok('LIST "" (INBOX Sent) RETURN (METADATA ("/shared/vendor/color"))');
  expect(listed).toEqual([
    '* LIST (\\HasNoChildren) "/" INBOX',
    '* METADATA INBOX (/shared/vendor/color NIL)',
    '* LIST (\\HasNoChildren \\Sent) "/" Sent',
    '* METADATA Sent (/shared/vendor/color "#b71c1c")',
    'OK that is all',
  ]);
});

test('what is no entry, too long or too much is refused', async () => {
  await using host = await startHost();
  const client = await logIn(host.port);
  for (const entry of [
    'comment',
    '/private',
    '/private/',
    '/private//x',
    '/other/x',
    '/private/a*',
    '"/private/ä"',
  ]) {
    expect((await client.run(`SETMETADATA INBOX (${entry} "x")`)).at(-1), entry).toMatch(/^BAD/);
  }
  expect((await client.run('GETMETADATA Nowhere /private/x'))[0]).toMatch(/^NO \[NONEXISTENT\]/);
  expect((await client.run('SETMETADATA Nowhere (/private/x NIL)'))[0]).toMatch(/^NO \[NONEXISTENT\]/);
  const many = Array.from({ length: 101 }, (_, at) => `/private/e${at} "x"`).join(' ');
  expect((await client.run(`SETMETADATA INBOX (${many})`))[0]).toMatch(/^NO \[METADATA TOOMANY\]/);
  expect((await client.ok('GETMETADATA INBOX /private/e0'))[0]).toBe('* METADATA INBOX (/private/e0 NIL)');
});

test('private annotations are not for others', async () => {
  await using host = await startHost();
  const alice = await logIn(host.port);
  const bob = await logIn(host.port, undefined, 'bob');
  await alice.ok('SETMETADATA "" (/private/comment "secret")');
  await alice.ok('SETMETADATA INBOX (/shared/comment "secret")');
  expect((await bob.ok('GETMETADATA "" /private/comment'))[0]).toBe('* METADATA "" (/private/comment NIL)');
  expect((await bob.ok('GETMETADATA INBOX /shared/comment'))[0]).toBe(
    '* METADATA INBOX (/shared/comment NIL)',
  );
});
