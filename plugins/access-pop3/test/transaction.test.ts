import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { messages, type Pop3Fixture, startWithMail, uidsOf } from './start-pop3.js';

const login = `
  S: +OK ...
  C: USER alice@example.org
  C: PASS wonder land
  S: +OK ...
`;
const bye = `
  C: QUIT
  S: +OK ...
  S: <closed>
`;

describe('POP3 after the login', () => {
  let pop3: Pop3Fixture;
  let validity: number;
  beforeEach(async () => {
    pop3 = await startWithMail();
    validity = (await pop3.store.mailboxByName('alice', 'INBOX'))?.uidValidity ?? 0;
  });
  afterEach(() => pop3[Symbol.asyncDispose]());

  const sizes = messages.map((text) => Buffer.byteLength(text.replace(/\n/g, '\r\n')));
  const total = sizes.reduce((sum, size) => sum + size, 0);

  it('lists, and retrieves to the octet', () =>
    pop3.play(`${login}
      S: +OK 3 messages (${total} octets)
      C: STAT
      S: +OK 3 ${total}
      C: LIST
      S: +OK 3 messages (${total} octets)
      S: 1 ${sizes[0]}
      S: 2 ${sizes[1]}
      S: 3 ${sizes[2]}
      S: .
      C: LIST 2
      S: +OK 2 ${sizes[1]}
      C: UIDL
      S: +OK ...
      S: 1 ${validity}.1
      S: 2 ${validity}.2
      S: 3 ${validity}.3
      S: .
      C: UIDL 3
      S: +OK 3 ${validity}.3
      C: RETR 2
      S: +OK ${sizes[1]} octets
      S: Subject: two
      S: 
      S: ..starts with a dot
      S: line 2
      S: ...
      S: ..
      S: line 5
      S: .
      C: RETR 3
      S: +OK ...
      S: Subject: three
      S: 
      S: no line end
      S: .
      C: NOOP
      S: +OK
      ${bye}
    `));

  it('gives the top of a message', () =>
    pop3.play(`${login}
      S: +OK ...
      C: TOP 2 0
      S: +OK ...
      S: Subject: two
      S: 
      S: .
      C: TOP 2 1
      S: +OK ...
      S: Subject: two
      S: 
      S: ..starts with a dot
      S: .
      C: TOP 2 999999999
      S: +OK ...
      S: Subject: two
      S: 
      S: ..starts with a dot
      S: line 2
      S: ...
      S: line 5
      S: .
      C: TOP 3 5
      S: +OK ...
      S: Subject: three
      S: 
      S: no line end
      S: .
      C: TOP 1
      S: -ERR ...
      C: TOP 1 -1
      S: -ERR ...
      C: TOP 4 1
      S: -ERR no such message
    `));

  it('takes commands that come all at once, in their order', () =>
    pop3.play(`${login}
      C: STAT
      C: RETR 1
      C: DELE 1
      C: STAT
      C: RSET
      C: QUIT
      S: +OK 3 messages ...
      S: +OK 3 ...
      S: +OK ${sizes[0]} octets
      S: Subject: one
      S: 
      S: first body
      S: .
      S: +OK message 1 deleted
      S: +OK 2 ${total - (sizes[0] ?? 0)}
      S: +OK 3 messages
      S: +OK bye
      S: <closed>
    `));

  it('deletes at QUIT, and keeps the numbers until then', async () => {
    await pop3.play(`${login}
      S: +OK ...
      C: DELE 2
      S: +OK ...
      C: DELE 2
      S: -ERR no such message
      C: RETR 2
      S: -ERR no such message
      C: LIST 2
      S: -ERR no such message
      C: UIDL
      S: +OK 2 messages ...
      S: 1 ...
      S: 3 ...
      S: .
      C: RETR 3
      S: +OK ...
      S: ...
      S: .
    `);
    await pop3.mta.whenLogged('pop3 login');
    expect(await uidsOf(pop3.store), 'the connection was cut').toEqual([1, 2, 3]);
    await expect
      .poll(() =>
        pop3.play(`${login}S: +OK 3 ...\nC: DELE 2\nS: +OK ...${bye}`).then(
          () => 'done',
          () => 'in use',
        ),
      )
      .toBe('done');
    expect(await uidsOf(pop3.store)).toEqual([1, 3]);
    await pop3.play(`${login}
      S: +OK 2 messages ...
      C: UIDL 2
      S: +OK 2 ${validity}.3
    `);
  });

  it('takes deletions back at RSET', async () => {
    await pop3.play(
      `${login}S: +OK ...\nC: DELE 1\nS: +OK ...\nC: RSET\nS: +OK 3 messages\nC: STAT\nS: +OK 3 ${total}${bye}`,
    );
    expect(await uidsOf(pop3.store)).toEqual([1, 2, 3]);
  });

  it.each([
    'RETR',
    'RETR 0',
    'RETR 4',
    'RETR x',
    'RETR 1 2',
    'RETR -1',
    'RETR 99999999999',
    'DELE',
    'DELE 0',
    'LIST 4',
    'LIST x',
    'UIDL 0',
    'TOP',
    'LAST',
    'USER alice',
    'AUTH PLAIN',
    'UTF8',
    'XTND XLST',
  ])('refuses %s and goes on', (command) =>
    pop3.play(`${login}S: +OK ...\nC: ${command}\nS: -ERR ...\nC: NOOP\nS: +OK`),
  );

  it('gives the mailbox to one session at a time, and only to who may log in', async () => {
    const other = `
      S: +OK ...
      C: USER alice@example.org
      C: PASS wonder land
      S: +OK ...
    `;
    await pop3.play(`${login}S: +OK 3 ...\nC: NOOP\nS: +OK`);
    // The first session was cut off; its lock goes with it.
    await expect
      .poll(() =>
        pop3.play(`${other}S: +OK 3 ...${bye}`).then(
          () => 'ok',
          () => 'in use',
        ),
      )
      .toBe('ok');
    const { connect } = await import('node:net');
    const first = connect(pop3.port, '127.0.0.1');
    first.write('USER alice@example.org\r\nPASS wonder land\r\n');
    await expect
      .poll(() =>
        pop3.play(`${other}S: -ERR [IN-USE] ...`).then(
          () => 'in use',
          () => 'free',
        ),
      )
      .toBe('in use');
    await pop3.play('S: +OK ...\nC: USER alice@example.org\nC: PASS wrong\nS: +OK ...\nS: -ERR [AUTH] ...');
    await pop3.play(
      'S: +OK ...\nC: USER bob@example.org\nC: PASS builder\nS: +OK ...\nS: +OK 0 messages (0 octets)',
    );
    first.write('QUIT\r\n');
    await expect
      .poll(() =>
        pop3.play(`${other}S: +OK 3 ...${bye}`).then(
          () => 'ok',
          () => 'in use',
        ),
      )
      .toBe('ok');
    first.destroy();
  });

  it('does the QUIT of a client that leaves without waiting', async () => {
    await pop3
      .play(`${login}S: +OK ...\nC: DELE 1\nC: QUIT\nC: <close>\nS: +OK ...\nS: +OK bye`)
      .catch(() => undefined);
    await expect.poll(() => uidsOf(pop3.store)).toEqual([2, 3]);
  });

  it('keeps its view while others change the mailbox', async () => {
    const inbox = await pop3.store.mailboxByName('alice', 'INBOX');
    const { connect } = await import('node:net');
    const socket = connect(pop3.port, '127.0.0.1').setEncoding('latin1');
    let read = '';
    socket.on('data', (text: unknown) => {
      read += String(text);
    });
    const say = async (command: string, expected: RegExp) => {
      read = '';
      socket.write(`${command}\r\n`);
      await expect.poll(() => read).toMatch(expected);
    };
    await say('USER alice@example.org', /OK/);
    await say('PASS wonder land', /OK 3 messages/);
    await pop3.store.expunge(inbox?.id ?? '', [2]);
    await pop3.file('Subject: four\n\nnew\n');
    await say('STAT', /^\+OK 3 /);
    await say('RETR 2', /^-ERR the message was removed/);
    await say('RETR 3', /no line end\r\n\.\r\n$/);
    await say('DELE 2', /^\+OK/);
    await say('DELE 3', /^\+OK/);
    await say('QUIT', /^\+OK bye/);
    expect(await uidsOf(pop3.store), 'what came meanwhile stays').toEqual([1, 4]);
    socket.destroy();
  });

  it('marks as seen what was retrieved, at QUIT', async () => {
    await pop3.play(`${login}S: +OK ...\nC: RETR 1\nS: ...\nS: .\nC: TOP 2 9\nS: ...\nS: line 5\nS: .${bye}`);
    const inbox = await pop3.store.mailboxByName('alice', 'INBOX');
    const entries = await pop3.store.entries(inbox?.id ?? '');
    expect(entries.map((entry) => entry.flags)).toEqual([['\\Seen'], [], []]);
  });

  it('says so when the deletions fail', async () => {
    const { expunge } = pop3.store;
    Object.assign(pop3.store, { expunge: () => Promise.reject(new Error('disk full')) });
    await pop3.play(
      `${login}S: +OK ...\nC: DELE 1\nS: +OK ...\nC: QUIT\nS: -ERR [SYS/TEMP] ...\nS: <closed>`,
    );
    Object.assign(pop3.store, { expunge });
    expect(await uidsOf(pop3.store)).toEqual([1, 2, 3]);
  });
});
