/** Extensions, each by its RFC. */
import { constants, createDeflateRaw, createInflateRaw } from 'node:zlib';
import { expect, test } from 'vitest';
import { logIn } from './client.js';
import { startHost } from './host.js';

const letter = (subject: string, body = 'body') => `Subject: ${subject}\n\n${body}\n`;

test('ESEARCH tells only what is asked for (RFC 4731)', async () => {
  await using host = await startHost();
  for (let at = 0; at < 6; at++)
    await host.deliver(letter(`m${at}`), 'INBOX', at % 2 === 0 ? ['\\Flagged'] : []);
  const client = await logIn(host.port, 'INBOX');
  const first = async (command: string) => (await client.ok(command))[0]?.replace(/"T\d+"/, 'T');
  expect(await first('SEARCH RETURN (MIN MAX COUNT) FLAGGED')).toBe('* ESEARCH (TAG T) MIN 1 MAX 5 COUNT 3');
  expect(await first('UID SEARCH RETURN () FLAGGED')).toBe('* ESEARCH (TAG T) UID ALL 1,3,5');
  expect(await first('SEARCH RETURN (ALL COUNT) ANSWERED')).toBe('* ESEARCH (TAG T) COUNT 0');
  expect(await first('SEARCH RETURN (ALL) 1:3')).toBe('* ESEARCH (TAG T) ALL 1:3');
  expect((await client.ok('SEARCH RETURN (MAX) MODSEQ 1'))[1]).toMatch(/MAX 6 MODSEQ \d+$/);
});

test('a result is saved and used as $ (RFC 5182)', async () => {
  await using host = await startHost();
  for (let at = 0; at < 6; at++)
    await host.deliver(letter(`m${at}`), 'INBOX', at % 2 === 0 ? ['\\Flagged'] : []);
  const client = await logIn(host.port, 'INBOX');
  expect(await client.ok('SEARCH RETURN (SAVE) FLAGGED')).toEqual(['OK that is all']);
  expect(await client.ok('FETCH $ UID')).toHaveLength(4);
  expect((await client.ok('SEARCH RETURN (COUNT) $ NOT 1'))[0]).toMatch(/COUNT 2$/);
  expect((await client.ok('SEARCH RETURN (SAVE MIN MAX) ALL'))[0]).toMatch(/MIN 1 MAX 6$/);
  expect(await client.ok('UID FETCH $ FLAGS')).toHaveLength(3);
  await client.ok('SEARCH RETURN (SAVE) ALL');
  await client.ok('STORE 1 +FLAGS.SILENT (\\Deleted)');
  await client.ok('EXPUNGE');
  expect(await client.ok('FETCH $ UID')).toHaveLength(6);
  await client.ok('SELECT INBOX');
  expect(await client.ok('FETCH $ UID')).toEqual(['OK that is all']);
});

test('windows of results (RFC 9394)', async () => {
  await using host = await startHost();
  for (let at = 0; at < 10; at++) await host.deliver(letter(`m${at}`));
  const client = await logIn(host.port, 'INBOX');
  const first = async (command: string) => (await client.ok(command))[0]?.replace(/"T\d+"/, 'T');
  expect(await first('UID SEARCH RETURN (PARTIAL 2:4) ALL')).toBe('* ESEARCH (TAG T) UID PARTIAL (2:4 2:4)');
  expect(await first('SEARCH RETURN (PARTIAL -1:-3 COUNT) ALL')).toBe(
    '* ESEARCH (TAG T) COUNT 10 PARTIAL (-1:-3 8:10)',
  );
  expect(await first('SEARCH RETURN (PARTIAL 20:30) ALL')).toBe('* ESEARCH (TAG T) PARTIAL (20:30 NIL)');
  expect(await client.ok('UID FETCH 1:* (FLAGS) (PARTIAL -1:-2)')).toHaveLength(3);
  expect((await client.run('SEARCH RETURN (PARTIAL 1:2 ALL) ALL'))[0]).toMatch(/^BAD/);
});

test('LIST with selections, returns and STATUS (RFC 5258, RFC 5819)', async () => {
  await using host = await startHost();
  await host.deliver(letter('x'));
  const client = await logIn(host.port);
  await client.ok('CREATE a/b/c');
  await client.ok('SUBSCRIBE a/b/c');
  await client.ok('UNSUBSCRIBE a');
  await client.ok('UNSUBSCRIBE a/b');
  expect(await client.ok('LIST (SUBSCRIBED) "" a*')).toEqual([
    '* LIST (\\HasNoChildren \\Subscribed) "/" a/b/c',
    'OK that is all',
  ]);
  expect(await client.ok('LIST (SUBSCRIBED RECURSIVEMATCH) "" a')).toEqual([
    '* LIST (\\HasChildren) "/" a ("CHILDINFO" ("SUBSCRIBED"))',
    'OK that is all',
  ]);
  expect(await client.ok('LIST "" (INBOX Sent) RETURN (STATUS (MESSAGES SIZE))')).toEqual([
    '* LIST (\\HasNoChildren) "/" INBOX',
    expect.stringMatching(/^\* STATUS INBOX \(MESSAGES 1 SIZE \d+\)$/),
    '* LIST (\\HasNoChildren \\Sent) "/" Sent',
    '* STATUS Sent (MESSAGES 0 SIZE 0)',
    'OK that is all',
  ]);
  expect(await client.ok('LIST (SPECIAL-USE) "" *')).toHaveLength(6);
  expect((await client.run('LIST (RECURSIVEMATCH) "" *'))[0]).toMatch(/^BAD/);
  expect(await client.ok('CREATE Rubbish (USE (\\Junk))')).toEqual([expect.stringContaining('[MAILBOXID (')]);
  expect(await client.ok('LIST "" Rubbish')).toContain('* LIST (\\HasNoChildren \\Junk) "/" Rubbish');
  expect((await client.run('CREATE All (USE (\\All))'))[0]).toMatch(/^NO \[USEATTR\]/);
});

test('identifiers of mailboxes, messages and threads (RFC 8474), and save dates (RFC 8514)', async () => {
  await using host = await startHost();
  await host.deliver(letter('x'));
  const client = await logIn(host.port);
  const selected = (await client.ok('SELECT INBOX')).join('\n');
  const mailboxId = /MAILBOXID \(([A-Za-z0-9_-]+)\)/.exec(selected)?.[1];
  expect((await client.ok('STATUS INBOX (MAILBOXID)'))[0]).toBe(`* STATUS INBOX (MAILBOXID (${mailboxId}))`);
  await client.ok('COPY 1 Archive');
  const ids = async () =>
    /EMAILID \(([\w-]+)\) THREADID \(([\w-]+)\)/.exec(
      (await client.ok('FETCH 1 (EMAILID THREADID)'))[0] ?? '',
    );
  const found = await ids();
  expect((await client.ok(`SEARCH EMAILID ${found?.[1]} THREADID ${found?.[2]}`))[0]).toBe('* SEARCH 1');
  await client.ok('SELECT Archive');
  expect((await ids())?.[1]).toBe(found?.[1]);
  expect((await client.ok('FETCH 1 SAVEDATE'))[0]).toMatch(/^\* 1 FETCH \(SAVEDATE "[^"]{26}"\)$/);
  expect((await client.ok('SEARCH SAVEDATESUPPORTED SAVEDSINCE 1-Jan-2020'))[0]).toBe('* SEARCH 1');
  expect((await client.ok('SEARCH SAVEDBEFORE 1-Jan-2020'))[0]).toBe('* SEARCH');
});

test('several messages in one APPEND, all or none (RFC 3502)', async () => {
  await using host = await startHost();
  const client = await logIn(host.port, 'INBOX');
  client.send('A1 APPEND INBOX (\\Seen) {5+}\r\na: 1\n " 1-Jan-2020 00:00:00 +0000" {5+}\r\nb: 2\n\r\n');
  expect(await client.read()).toBe('* 2 EXISTS');
  await client.read();
  expect(await client.read()).toMatch(/^A1 OK \[APPENDUID \d+ 1:2\]/);
  client.send('A2 APPEND INBOX {5+}\r\nc: 3\n oops {5+}\r\nd: 4\n\r\nA3 NOOP\r\n');
  expect(await client.read()).toMatch(/^A2 BAD/);
  expect(await client.read()).toBe('A3 OK nothing done');
  await host.store.setQuota('alice', 60);
  client.send(`A4 APPEND INBOX {30+}\r\n${'e'.repeat(30)} {30+}\r\n${'f'.repeat(30)}\r\n`);
  expect(await client.read()).toMatch(/^A4 NO \[OVERQUOTA\]/);
  // What is too much with those before it is refused before it is sent.
  client.send(`A5 APPEND INBOX {30+}\r\n${'e'.repeat(30)} {30}\r\n`);
  expect(await client.read()).toMatch(/^A5 NO \[OVERQUOTA\]/);
  expect((await client.ok('STATUS INBOX (MESSAGES)'))[0]).toContain('MESSAGES 2');
});

test('quota is told, and kept (RFC 9208)', async () => {
  await using host = await startHost();
  const client = await logIn(host.port);
  expect(await client.ok('GETQUOTAROOT INBOX')).toEqual([
    '* QUOTAROOT INBOX ""',
    '* QUOTA "" ()',
    'OK that is the quota',
  ]);
  await host.store.setQuota('alice', 10_240);
  await host.deliver(letter('x', 'y'.repeat(2000)));
  expect((await client.ok('GETQUOTA ""'))[0]).toBe('* QUOTA "" (STORAGE 2 10)');
  client.send('A1 APPEND INBOX {20000}\r\n');
  expect(await client.read()).toMatch(/^A1 NO \[OVERQUOTA\]/);
  expect((await client.run('GETQUOTA other'))[0]).toMatch(/^NO/);
});

test('UTF8=ACCEPT gives names and headers in UTF-8 (RFC 6855)', async () => {
  await using host = await startHost();
  const client = await logIn(host.port);
  await client.ok('CREATE Gr&APwA3w-e');
  await client.ok('ENABLE UTF8=ACCEPT');
  expect(await client.ok('LIST "" Gr*')).toContain(
    `* LIST (\\HasNoChildren) "/" ${Buffer.from('"Grüße"').toString('latin1')}`,
  );
  const message = Buffer.from('Subject: Grüße\r\n\r\nhallo\r\n').toString('latin1');
  client.send(`A1 APPEND INBOX UTF8 (~{${message.length}+}\r\n${message})\r\n`);
  expect(await client.read()).toMatch(/^A1 OK/);
  await client.ok('SELECT INBOX');
  expect((await client.ok('FETCH 1 ENVELOPE'))[0]).toContain(`"${Buffer.from('Grüße').toString('latin1')}"`);
});

test('compression in both directions (RFC 4978)', async () => {
  await using host = await startHost();
  await host.deliver(letter('x', 'z'.repeat(100_000)));
  const client = await logIn(host.port, 'INBOX');
  await client.ok('COMPRESS DEFLATE');
  client.socket.removeAllListeners('data');
  const inflate = createInflateRaw({ finishFlush: constants.Z_SYNC_FLUSH });
  const deflate = createDeflateRaw();
  let read = '';
  inflate.on('data', (chunk: Buffer) => {
    read += chunk.toString('latin1');
  });
  client.socket.on('data', (chunk: unknown) => inflate.write(Buffer.from(String(chunk), 'latin1')));
  deflate.pipe(client.socket);
  deflate.write('A1 FETCH 1 BODY.PEEK[TEXT]\r\nA2 COMPRESS DEFLATE\r\n');
  deflate.flush(constants.Z_SYNC_FLUSH);
  await expect.poll(() => read, { timeout: 10_000 }).toContain('A2 NO [COMPRESSIONACTIVE]');
  expect(read).toContain(`{100002}\r\n${'z'.repeat(100_000)}`);
  expect(client.socket.bytesRead).toBeLessThan(5_000);
});
