/** MESSAGELIMIT (RFC 9738): commands work on the latest messages and tell how far they came. */
import { expect, test } from 'vitest';
import { logIn, type TestClient } from './client.js';
import { startHost, type TestHost } from './host.js';

/** A server whose commands work on three messages, with six in INBOX, of which the even ones are read. */
async function startLimited(
  limits: Readonly<Record<string, number>> = { messagesPerCommandMax: 3 },
): Promise<{ host: TestHost; client: TestClient }> {
  const host = await startHost({ config: { limits } });
  for (let number = 1; number <= 6; number++) {
    await host.deliver(`Subject: m${number}\n\nbody\n`, 'INBOX', number % 2 === 0 ? ['\\Seen'] : []);
  }
  const client = await logIn(host.port, 'INBOX');
  await client.ok('CREATE Other');
  return { host, client };
}

const last = async (client: TestClient, command: string) => (await client.run(command)).at(-1);

test('the limit is announced by number, and not without the option', async () => {
  const { host, client } = await startLimited();
  await using _ = host;
  expect((await client.ok('CAPABILITY'))[0]).toContain(' MESSAGELIMIT=3');
  await using other = await startHost();
  const unlimited = await logIn(other.port);
  expect((await unlimited.ok('CAPABILITY'))[0]).not.toContain('MESSAGELIMIT');
});

test('FETCH and STORE work on the latest and tell the lowest UID; the client goes on below it', async () => {
  const { host, client } = await startLimited();
  await using _ = host;
  expect(await client.ok('FETCH 1:* FLAGS')).toEqual([
    '* 6 FETCH (FLAGS (\\Seen))',
    '* 5 FETCH (FLAGS ())',
    '* 4 FETCH (FLAGS (\\Seen))',
    'OK [MESSAGELIMIT 3 4] that is all',
  ]);
  expect(await client.ok('UID FETCH 1:3 UID')).toHaveLength(4);
  expect(await last(client, 'UID FETCH 1:3 UID')).toBe('OK that is all');
  expect(await last(client, 'FETCH 1:5 BODY.PEEK[]')).toBe('OK [MESSAGELIMIT 3 3] that is all');
  expect(await last(client, 'UID STORE 1:* +FLAGS.SILENT (\\Flagged)')).toBe('OK [MESSAGELIMIT 3 4] stored');
  expect((await client.ok('UID SEARCH UID 1:3 FLAGGED'))[0]).toBe('* SEARCH');
  // A code of its own keeps the tagged response; the limit is told before it.
  expect((await client.ok('UID STORE 1:* (UNCHANGEDSINCE 1) +FLAGS (\\Draft)')).slice(-2)).toEqual([
    '* NO [MESSAGELIMIT 3 4] only the latest messages were looked at',
    'OK [MODIFIED 4:6] some were changed by others meanwhile',
  ]);
  // Several STOREs at once come under it as well.
  client.send('A STORE 1:* +FLAGS.SILENT (x)\r\nB STORE 1:2 +FLAGS.SILENT (y)\r\nC NOOP\r\n');
  const tagged: string[] = [];
  while (!tagged.at(-1)?.startsWith('C')) {
    const line = await client.read();
    if (!line.startsWith('*')) tagged.push(line);
  }
  expect(tagged.slice(0, 2)).toEqual(['A OK [MESSAGELIMIT 3 4] stored', 'B OK stored']);
});

test('a window of FETCH may be as wide as the limit', async () => {
  const { host, client } = await startLimited();
  await using _ = host;
  expect(await last(client, 'UID FETCH 1:* FLAGS (PARTIAL -1:-4)')).toMatch(/^NO \[MESSAGELIMIT 3\]/);
  expect(await last(client, 'UID FETCH 1:* FLAGS (PARTIAL 1:3)')).toBe('OK that is all');
});

test('SEARCH looks at the latest of those that its sets name', async () => {
  const { host, client } = await startLimited();
  await using _ = host;
  expect(await client.ok('UID SEARCH SEEN')).toEqual(['* SEARCH 4 6', 'OK [MESSAGELIMIT 3 4] that is all']);
  expect(await client.ok('SEARCH UID 1:3 SEEN')).toEqual(['* SEARCH 2', 'OK that is all']);
  expect(await client.ok('SEARCH UIDBEFORE 4')).toEqual(['* SEARCH 1 2 3', 'OK that is all']);
  expect(await client.ok('SEARCH (UIDAFTER 1 UIDBEFORE 5) UNSEEN')).toEqual(['* SEARCH 3', 'OK that is all']);
  // What stands under NOT does not narrow what is looked at.
  expect(await client.ok('SEARCH NOT UIDAFTER 2')).toEqual(['* SEARCH', 'OK [MESSAGELIMIT 3 4] that is all']);
  expect((await client.ok('SEARCH RETURN (SAVE COUNT) ALL'))[0]).toMatch(/COUNT 3$/);
  expect(await client.ok('UID FETCH $ UID')).toHaveLength(4);
  expect(await client.ok('SEARCH RETURN (COUNT UPDATE) ALL')).toContainEqual(
    expect.stringContaining('[NOUPDATE'),
  );
  for (const bad of ['UIDAFTER', 'UIDAFTER 0', 'UIDBEFORE 1:2', 'UIDBEFORE 4294967296']) {
    expect(await last(client, `SEARCH ${bad}`), bad).toMatch(/^BAD/);
  }
});

test('what is done whole or not at all is refused: COPY, APPEND, SORT, THREAD, ESEARCH', async () => {
  const { host, client } = await startLimited();
  await using _ = host;
  expect(await last(client, 'UID COPY 1:* Other')).toMatch(/^NO \[MESSAGELIMIT 3 4\]/);
  const four = Array.from({ length: 4 }, () => '{6+}\r\na: b\r\n').join(' ');
  expect(await last(client, `APPEND Other ${four}`)).toMatch(/^NO \[MESSAGELIMIT 3\]/);
  expect((await client.ok('STATUS Other (MESSAGES)'))[0]).toBe('* STATUS Other (MESSAGES 0)');
  expect(await last(client, 'SORT (DATE) UTF-8 ALL')).toMatch(/^NO \[MESSAGELIMIT 3\]/);
  expect(await last(client, 'THREAD REFERENCES UTF-8 ALL')).toMatch(/^NO \[MESSAGELIMIT 3\]/);
  expect((await client.ok('UID SORT (REVERSE ARRIVAL) UTF-8 UIDAFTER 3'))[0]).toMatch(/^\* SORT \d \d \d$/);
  expect(await last(client, 'ESEARCH IN (personal) ALL')).toMatch(/^NO \[MESSAGELIMIT 3\]/);
});

test('SAVELIMIT limits COPY and APPEND, and nothing else', async () => {
  const { host, client } = await startLimited({ messagesPerSaveMax: 3 });
  await using _ = host;
  const [capabilities] = await client.ok('CAPABILITY');
  expect(capabilities).toContain(' SAVELIMIT=3');
  expect(capabilities).not.toContain('MESSAGELIMIT');
  expect(await last(client, 'COPY 1:4 Other')).toMatch(/^NO \[MESSAGELIMIT 3 2\]/);
  const one = '{6+}\r\na: b\r\n';
  expect(await last(client, `APPEND Other ${one} ${one} ${one} ${one}`)).toMatch(/^NO \[MESSAGELIMIT 3\]/);
  expect((await client.ok('STATUS Other (MESSAGES)'))[0]).toBe('* STATUS Other (MESSAGES 0)');
  expect(await last(client, 'COPY 1:3 Other')).toMatch(/^OK \[COPYUID/);
  expect(await last(client, `APPEND Other ${one} ${one} ${one}`)).toMatch(/^OK \[APPENDUID/);
  expect(await client.ok('FETCH 1:* UID')).toHaveLength(7);
  expect(await client.ok('SEARCH ALL')).toEqual(['* SEARCH 1 2 3 4 5 6', 'OK that is all']);
  expect(await last(client, 'SORT (DATE) UTF-8 ALL')).toBe('OK that is all');
  expect(await last(client, 'UID STORE 1:* +FLAGS.SILENT (x)')).toBe('OK stored');
  expect(await last(client, 'UID MOVE 1:* Other')).toBe('OK moved');
});

test('one of the two limits can be given', async () => {
  const limits = { messagesPerCommandMax: 1_000, messagesPerSaveMax: 1_000 };
  await expect(startHost({ config: { limits } })).rejects.toThrow(/give either this or/);
});

test('MOVE and UID EXPUNGE go as far as they may, EXPUNGE and CLOSE to the end', async () => {
  const { host, client } = await startLimited();
  await using _ = host;
  expect((await client.ok('STATUS INBOX (UNSEEN)'))[0]).toBe('* STATUS INBOX (UNSEEN 3)');
  const moved = await client.ok('UID MOVE 1:* Other');
  expect(moved[0]).toMatch(/^\* OK \[COPYUID \d+ 4:6 1:3\] moved$/);
  expect(moved.at(-1)).toBe('OK [MESSAGELIMIT 3 4] moved');
  expect(await last(client, 'UID MOVE 1:* Other')).toBe('OK moved');
  await client.ok('SELECT Other');
  await client.ok('UID STORE 1:2 +FLAGS.SILENT (\\Deleted)');
  await client.ok('UID STORE 4:6 +FLAGS.SILENT (\\Deleted)');
  expect(await client.ok('UID EXPUNGE 1:*')).toEqual([
    '* 4 EXPUNGE',
    '* 4 EXPUNGE',
    '* 4 EXPUNGE',
    'OK [MESSAGELIMIT 3 4] expunged',
  ]);
  await host.deliver('Subject: x\n\n', 'Other', ['\\Deleted']);
  await host.deliver('Subject: y\n\n', 'Other', ['\\Deleted']);
  await client.ok('EXPUNGE');
  expect((await client.ok('STATUS Other (MESSAGES)'))[0]).toBe('* STATUS Other (MESSAGES 1)');
});
