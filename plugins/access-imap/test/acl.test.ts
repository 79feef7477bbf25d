/** Shared mailboxes and who may do what with them (RFC 4314, RFC 2342). */
import { expect, test } from 'vitest';
import { logIn, type TestClient } from './client.js';
import { startHost, type TestHost } from './host.js';

const letter = (subject: string) => `Subject: ${subject}\n\nbody\n`;
const shared = '"Other Users/alice/Work"';

/** Alice's Work, and Bob who has rights to it; nothing is selected. */
async function share(host: TestHost, rights: string): Promise<{ alice: TestClient; bob: TestClient }> {
  const alice = await logIn(host.port);
  await alice.ok('CREATE Work');
  await alice.ok(`SETACL Work bob ${rights}`);
  return { alice, bob: await logIn(host.port, undefined, 'bob') };
}

const last = async (client: TestClient, command: string) => (await client.run(command)).at(-1);

test('rights are given, told, changed and taken away', async () => {
  await using host = await startHost();
  const { alice, bob } = await share(host, 'lrs');
  expect((await alice.ok('NAMESPACE'))[0]).toBe('* NAMESPACE (("" "/")) (("Other Users/" "/")) NIL');
  expect((await alice.ok('GETACL Work'))[0]).toBe('* ACL Work alice lrswipkxteacd bob lrs');
  expect((await bob.ok(`MYRIGHTS ${shared}`))[0]).toBe(`* MYRIGHTS ${shared} lrs`);
  await alice.ok('SETACL Work bob +id');
  expect((await bob.ok(`MYRIGHTS ${shared}`))[0]).toBe(`* MYRIGHTS ${shared} lrsited`);
  await alice.ok('SETACL Work bob -sdt');
  expect((await bob.ok(`MYRIGHTS ${shared}`))[0]).toBe(`* MYRIGHTS ${shared} lri`);
  expect((await alice.ok('LISTRIGHTS Work bob'))[0]).toBe(
    '* LISTRIGHTS Work bob "" l r s w i p k x t e a c d',
  );
  expect((await alice.ok('MYRIGHTS INBOX'))[0]).toBe('* MYRIGHTS INBOX lrswipkxteacd');
  await alice.ok('DELETEACL Work bob');
  expect(await last(bob, `MYRIGHTS ${shared}`)).toMatch(/^NO \[NONEXISTENT\]/);
  await alice.ok('SETACL Work anyone l');
  expect(await bob.ok('LIST "" "Other Users/*"')).toEqual([
    '* LIST (\\Noselect \\HasChildren) "/" "Other Users/alice"',
    `* LIST (\\HasNoChildren) "/" ${shared}`,
    'OK that is all',
  ]);
  expect(await last(alice, 'SETACL Work bob 9')).toMatch(/^BAD/);
  expect(await last(alice, 'SETACL Work alice l')).toMatch(/^NO \[CANNOT\]/);
  expect(await last(alice, 'SETACL Work -bob l')).toMatch(/^NO \[CANNOT\]/);
});

test('who may only look can only look', async () => {
  await using host = await startHost();
  const { bob } = await share(host, 'lr');
  await host.deliver(letter('one'), 'Work', ['\\Flagged']);
  expect((await bob.ok(`SELECT ${shared}`)).at(-1)).toBe('OK [READ-ONLY] the mailbox is open for reading');
  expect((await bob.ok('FETCH 1 (FLAGS BODY[TEXT])'))[0]).toBe(
    '* 1 FETCH (FLAGS (\\Flagged) BODY[TEXT] {6}\r\nbody\r\n)',
  );
  for (const command of ['STORE 1 +FLAGS (\\Seen)', 'EXPUNGE', 'MOVE 1 INBOX']) {
    expect(await last(bob, command), command).toMatch(/^NO/);
  }
  expect(await last(bob, `APPEND ${shared} {1}`)).toMatch(/^NO \[NOPERM\]/);
  for (const command of [
    `DELETE ${shared}`,
    `CREATE "Other Users/alice/Work/below"`,
    `SETACL ${shared} bob lrswipkxtea`,
    `GETACL ${shared}`,
    `SETMETADATA ${shared} (/shared/comment "x")`,
  ]) {
    expect(await last(bob, command), command).toMatch(/^NO \[NOPERM\]/);
  }
  expect((await bob.ok(`STATUS ${shared} (MESSAGES)`))[0]).toBe(`* STATUS ${shared} (MESSAGES 1)`);
  // A copy to one's own mailbox is a message of one's own.
  expect(await last(bob, 'COPY 1 INBOX')).toMatch(/^OK \[COPYUID \d+ 1 1\] copied/);
  await bob.ok('SELECT INBOX');
  expect((await bob.ok('FETCH 1 FLAGS'))[0]).toBe('* 1 FETCH (FLAGS (\\Flagged))');
});

test('each right allows what it is for', async () => {
  await using host = await startHost();
  const { alice, bob } = await share(host, 'lrsi');
  await host.deliver(letter('one'), 'Work');
  const opened = await bob.ok(`SELECT ${shared}`);
  expect(opened).toContain('* OK [PERMANENTFLAGS (\\Seen)] flags that last');
  // Of several flags those that one may set.
  expect((await bob.ok('STORE 1 +FLAGS (\\Seen \\Flagged)'))[0]).toBe('* 1 FETCH (FLAGS (\\Seen))');
  expect(await last(bob, 'STORE 1 +FLAGS (\\Deleted)')).toMatch(/^NO \[NOPERM\]/);
  expect(await last(bob, 'STORE 1 FLAGS ()')).toMatch(/^NO \[NOPERM\]/);
  await host.deliver(letter('x'), 'INBOX');
  bob.send(`A APPEND ${shared} (\\Seen \\Draft) {16+}\r\nSubject: a\r\n\r\nb\r\n\r\n`);
  let line = '';
  while (!line.startsWith('A ')) line = await bob.read();
  expect(line).toMatch(/^A OK \[APPENDUID/);
  expect((await bob.ok('FETCH 2 FLAGS')).find((told) => told.includes('FETCH'))).toContain('FLAGS (\\Seen)');
  await alice.ok('SETACL Work bob lrte');
  await bob.ok(`SELECT ${shared}`);
  await bob.ok('STORE 1 +FLAGS (\\Deleted)');
  expect(await bob.ok('EXPUNGE')).toEqual(['* 1 EXPUNGE', 'OK expunged']);
  await bob.ok('UNSELECT');
  await alice.ok('SETACL Work bob lrti');
  await bob.ok(`SELECT ${shared}`);
  await bob.ok('STORE 1 +FLAGS (\\Deleted)');
  for (const command of ['EXPUNGE', 'MOVE 1 INBOX', `REPLACE 1 ${shared} {6+}\r\na: b\r\n`]) {
    expect(await last(bob, command), command).toMatch(/^NO \[NOPERM\]/);
  }
  await bob.ok('CLOSE');
  expect((await alice.ok('STATUS Work (MESSAGES)'))[0]).toBe('* STATUS Work (MESSAGES 1)');
  await alice.ok('SETACL Work bob lkx');
  await bob.ok('CREATE "Other Users/alice/Work/below"');
  expect((await alice.ok('GETACL Work/below'))[0]).toBe('* ACL Work/below alice lrswipkxteacd bob lkxc');
  await bob.ok('DELETE "Other Users/alice/Work/below"');
  expect(await last(alice, 'STATUS Work/below (MESSAGES)')).toMatch(/^NO \[NONEXISTENT\]/);
});

test('a COPY or MOVE to a mailbox of another is whole or not at all', async () => {
  await using host = await startHost();
  const { bob } = await share(host, 'lrswite');
  for (let at = 0; at < 3; at++) await bob.ok('APPEND INBOX {22+}\r\nSubject: one\r\n\r\nbody\r\n');
  await bob.ok('SELECT INBOX');
  // There is room for one and a half.
  await host.store.setQuota('alice', 35);
  for (const command of ['COPY', 'MOVE']) {
    expect(await last(bob, `${command} 1:3 ${shared}`), command).toBe('NO [OVERQUOTA] the quota is exceeded');
    expect((await bob.ok(`STATUS ${shared} (MESSAGES)`))[0], command).toContain('MESSAGES 0');
    expect((await bob.ok('STATUS INBOX (MESSAGES)'))[0], command).toContain('MESSAGES 3');
  }
  await host.store.setQuota('alice', undefined);
  expect(await last(bob, `MOVE 1:2 ${shared}`)).toBe('OK moved');
  expect((await bob.ok(`STATUS ${shared} (MESSAGES)`))[0]).toContain('MESSAGES 2');
});

test('who may not read the selected mailbox any more is shown out, though it may still list it', async () => {
  await using host = await startHost();
  const { alice, bob } = await share(host, 'lr');
  await host.deliver(letter('one'), 'Work');
  await bob.ok(`SELECT ${shared}`);
  await alice.ok('SETACL Work bob l');
  bob.send('A FETCH 1 BODY[]\r\n');
  expect(await bob.read()).toBe('* BYE you may not read the selected mailbox any more');
  await bob.closed();
});

test('a copy has only the flags that one may set where it goes', async () => {
  await using host = await startHost();
  const { alice, bob } = await share(host, 'lri');
  await bob.ok('APPEND INBOX (\\Seen \\Flagged \\Deleted) {6+}\r\na: b\r\n');
  await bob.ok('SELECT INBOX');
  await bob.ok(`COPY 1 ${shared}`);
  // Within the mailboxes of one account too.
  await host.deliver(letter('one'), 'Work', ['\\Seen', 'x']);
  await alice.ok('CREATE Other');
  await alice.ok('SETACL Other bob lris');
  await bob.ok(`SELECT ${shared}`);
  await bob.ok('COPY 2 "Other Users/alice/Other"');
  const flags = async (mailbox: string) => {
    await alice.ok(`EXAMINE ${mailbox}`);
    return (await alice.ok('FETCH * FLAGS'))[0];
  };
  await alice.ok('SELECT Work');
  expect((await alice.ok('FETCH 1 FLAGS'))[0]).toBe('* 1 FETCH (FLAGS ())');
  expect(await flags('Other')).toBe('* 1 FETCH (FLAGS (\\Seen))');
});

test('changes in a shared mailbox show on both sides at once', async () => {
  await using host = await startHost();
  const { alice, bob } = await share(host, 'lrswite');
  await host.deliver(letter('one'), 'Work');
  await alice.ok('SELECT Work');
  await bob.ok(`SELECT ${shared}`);
  await bob.ok('STORE 1 +FLAGS.SILENT (\\Flagged)');
  expect((await alice.ok('NOOP'))[0]).toBe('* 1 FETCH (UID 1 FLAGS (\\Flagged))');
  bob.send('I IDLE\r\n');
  expect(await bob.read()).toBe('+ idling');
  await host.deliver(letter('two'), 'Work');
  expect(await bob.read()).toBe('* 2 EXISTS');
});

test('what is not shared is not there', async () => {
  await using host = await startHost();
  const { bob } = await share(host, 'lr');
  for (const name of [
    '"Other Users/alice/INBOX"',
    '"Other Users/alice/Work/../INBOX"',
    '"Other Users/carol/Work"',
    '"Other Users/alice"',
  ]) {
    for (const command of [
      `SELECT ${name}`,
      `STATUS ${name} (MESSAGES)`,
      `MYRIGHTS ${name}`,
      `SUBSCRIBE ${name}`,
    ]) {
      expect(await last(bob, command), command).toMatch(/^NO \[NONEXISTENT\]/);
    }
  }
  expect(await bob.ok('LIST "" "Other Users/*"')).toHaveLength(3);
  expect(await last(bob, `RENAME ${shared} Mine`)).toMatch(/^NO \[CANNOT\]/);
});

test('who may not list a mailbox does not learn of it, and who may not read it learns nothing in it', async () => {
  await using host = await startHost();
  const { alice, bob } = await share(host, 's');
  await host.deliver(letter('chad'), 'Work');
  expect(await last(bob, `SELECT ${shared}`)).toMatch(/^NO \[NONEXISTENT\]/);
  expect(await bob.ok('LIST "" "Other Users/*"')).toEqual(['OK that is all']);
  await alice.ok('SETACL Work bob l');
  expect(await last(bob, `SELECT ${shared}`)).toMatch(/^NO \[NOPERM\]/);
  expect(await bob.ok('ESEARCH IN (subtree "Other Users") SUBJECT chad')).toEqual(['OK that is all']);
  const url = 'URL "/Other%20Users/alice/Work/;UID=1"';
  expect(await last(bob, `APPEND INBOX CATENATE (${url})`)).toMatch(/^NO \[BADURL/);
  await alice.ok('SETACL Work bob lr');
  expect(await last(bob, `APPEND INBOX CATENATE (${url})`)).toMatch(/^OK/);
  // How much room the owner has is the owner's business, and the owner's INBOX stays.
  expect(await bob.ok(`GETQUOTAROOT ${shared}`)).toEqual([`* QUOTAROOT ${shared}`, 'OK that is the quota']);
  await alice.ok('SETACL INBOX bob lrx');
  expect(await last(bob, 'DELETE "Other Users/alice/INBOX"')).toMatch(/^NO \[CANNOT\]/);
});

test('a search over several mailboxes finds what others share', async () => {
  await using host = await startHost();
  const { bob } = await share(host, 'lr');
  await host.deliver(letter('chad'), 'Work');
  expect((await bob.ok(`ESEARCH IN (subtree "Other Users") SUBJECT chad`))[0]).toContain(`MAILBOX ${shared}`);
  expect(await bob.ok('ESEARCH IN (personal) SUBJECT chad')).toHaveLength(1);
});
