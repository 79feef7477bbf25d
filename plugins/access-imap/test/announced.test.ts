/** Each capability that is announced does something: one exchange for each, and none is announced without one. */
import { expect, test } from 'vitest';
import { logIn, type TestClient } from './client.js';
import { startHost, type TestHost } from './host.js';
import { systemClock } from './system-clock.js';

/** Commands on a connection of their own with INBOX selected, and what the answers to the last one must show. */
type Exchange = readonly [capability: string, commands: readonly string[], shows: RegExp];

const octets = (text: string) => Buffer.from(text).toString('latin1');
const one = '{6+}\r\na: 1\r\n';

const exchanges: readonly Exchange[] = [
  ['IMAP4rev1', ['FETCH 1 RFC822.HEADER'], /RFC822\.HEADER \{43\}/],
  ['IMAP4rev2', ['ENABLE IMAP4rev2', 'SEARCH ALL'], /^\* ESEARCH \(TAG "T\d+"\) ALL 1:5$/m],
  ['LITERAL+', [`APPEND Drafts ${one}`], /^OK \[APPENDUID/m],
  ['SASL-IR', ['UNAUTHENTICATE', `AUTHENTICATE PLAIN ${btoa('\0alice\0secret')}`], /^OK/m],
  ['ID', ['ID NIL'], /^\* ID/m],
  ['ENABLE', ['ENABLE CONDSTORE NOSUCH'], /^\* ENABLED CONDSTORE$/m],
  ['IDLE', ['IDLE\r\nDONE'], /^\+.*\nOK/m],
  ['NOTIFY', ['NOTIFY SET STATUS (PERSONAL (MessageNew MessageExpunge))'], /^\* STATUS Drafts \(/m],
  ['NAMESPACE', ['NAMESPACE'], /^\* NAMESPACE \(\("" "\/"\)\)/m],
  ['CHILDREN', ['LIST "" Drafts'], /\\HasNoChildren/],
  ['UIDPLUS', ['COPY 1 Drafts'], /^OK \[COPYUID \d+ 1 \d+\]/m],
  ['UNSELECT', ['UNSELECT', 'FETCH 1 FLAGS'], /^BAD/m],
  ['MOVE', ['COPY 2 Archive', 'SELECT Archive', 'MOVE 1 Trash'], /COPYUID \d+ 1 1\].*\n\* 1 EXPUNGE/m],
  ['SPECIAL-USE', ['LIST (SPECIAL-USE) "" *'], /\\Sent\) "\/" Sent/],
  ['CREATE-SPECIAL-USE', ['CREATE Rubbish (USE (\\Junk))', 'LIST "" Rubbish'], /\\Junk/],
  ['LIST-EXTENDED', ['LIST (SUBSCRIBED) "" (INBOX Sent)'], /\\Subscribed.* INBOX\n.*\\Subscribed.* Sent/],
  ['LIST-STATUS', ['LIST "" INBOX RETURN (STATUS (MESSAGES))'], /^\* STATUS INBOX \(MESSAGES 5\)/m],
  ['STATUS=SIZE', ['STATUS INBOX (SIZE)'], /\(SIZE [1-9]\d+\)/],
  ['CONDSTORE', ['FETCH 1 (FLAGS) (CHANGEDSINCE 0)', 'FETCH 1 MODSEQ'], /MODSEQ \(\d+\)/],
  ['QRESYNC', ['ENABLE QRESYNC', 'SELECT INBOX (QRESYNC (VALIDITY 1))'], /FETCH \(UID 1 FLAGS .*MODSEQ/],
  ['ESEARCH', ['SEARCH RETURN (MIN MAX COUNT) ALL'], /MIN 1 MAX 5 COUNT 5/],
  ['SEARCHRES', ['SEARCH RETURN (SAVE) SUBJECT two', 'FETCH $ UID'], /^\* 2 FETCH \(UID 2\)\nOK/m],
  ['SEARCH=FUZZY', ['SEARCH RETURN (RELEVANCY) FUZZY SUBJECT thre'], /RELEVANCY \(\d+\)/],
  [
    'MULTISEARCH',
    ['ESEARCH IN (mailboxes (INBOX Sent)) RETURN (COUNT) ALL'],
    /MAILBOX INBOX UIDVALIDITY.*COUNT 5/,
  ],
  [
    'CONTEXT=SEARCH',
    ['SEARCH RETURN (UPDATE COUNT) DRAFT', 'STORE 4 +FLAGS (\\Draft)', 'STORE 4 -FLAGS.SILENT (\\Draft)'],
    /REMOVEFROM \(0 4\)/,
  ],
  ['WITHIN', ['SEARCH OLDER 1 NOT YOUNGER 1'], /^\* SEARCH 1 2 3 4 5$/m],
  ['MULTIAPPEND', [`APPEND Sent ${one} ${one}`], /APPENDUID \d+ 1:2\]/],
  ['PARTIAL', ['UID SEARCH RETURN (PARTIAL -1:-2) ALL'], /PARTIAL \(-1:-2 4:5\)/],
  ['SORT', ['SORT (REVERSE SUBJECT) UTF-8 1:3'], /^\* SORT 2 3 1$/m],
  ['SORT=DISPLAY', ['SORT (DISPLAYFROM) UTF-8 1:3'], /^\* SORT 3 2 1$/m],
  ['ESORT', ['SORT RETURN (MIN ALL) (SUBJECT) UTF-8 1:3'], /MIN 1 ALL 1,3,2/],
  ['THREAD=ORDEREDSUBJECT', ['THREAD ORDEREDSUBJECT UTF-8 1:2'], /^\* THREAD \(1\)\(2\)$/m],
  ['THREAD=REFERENCES', ['THREAD REFERENCES UTF-8 1:2'], /^\* THREAD \(1\)\(2\)$/m],
  // RFC 5255 section 4.3: i;unicode-casemap.
  ['I18NLEVEL=1', [octets('SEARCH CHARSET UTF-8 SUBJECT "GRÜN"')], /^\* SEARCH 4$/m],
  ['BINARY', ['FETCH 5 BINARY.PEEK[1]'], /BINARY\[1\] (\{4\}\r\n|")=\)!\(?/],
  ['PREVIEW', ['FETCH 1 PREVIEW'], /PREVIEW "body of one"/],
  [
    'REPLACE',
    [`APPEND Junk ${one}`, 'SELECT Junk', `REPLACE 1 Junk ${one}`],
    /APPENDUID \d+ 2\][\s\S]*EXPUNGE/,
  ],
  [
    'CATENATE',
    [`APPEND Drafts CATENATE (TEXT ${one} URL "/INBOX/;UID=1/;SECTION=TEXT")`],
    /^OK \[APPENDUID/m,
  ],
  ['URL-PARTIAL', ['APPEND Drafts CATENATE (URL "/INBOX/;UID=1/;PARTIAL=0.3")'], /^OK \[APPENDUID/m],
  ['UIDONLY', ['ENABLE UIDONLY', 'UID FETCH 2 FLAGS'], /^\* 2 UIDFETCH \(FLAGS/m],
  ['UNAUTHENTICATE', ['UNAUTHENTICATE', 'STATUS INBOX (SIZE)'], /^(BAD|NO)/m],
  ['INPROGRESS', ['SEARCH BODY nowhere'], /^\* OK \[INPROGRESS \("T\d+" \d 5\)\]/m],
  ['OBJECTID', ['FETCH 1 (EMAILID THREADID)'], /EMAILID \([\w-]+\) THREADID \([\w-]+\)/],
  ['SAVEDATE', ['FETCH 1 SAVEDATE'], /SAVEDATE "/],
  ['QUOTA', ['GETQUOTAROOT INBOX'], /^\* QUOTAROOT INBOX ""/m],
  ['QUOTA=RES-STORAGE', ['GETQUOTA ""'], /\(STORAGE \d+ 10240\)/],
  ['UTF8=ACCEPT', ['ENABLE UTF8=ACCEPT', 'CREATE "Gr\xc3\xbcn"', 'LIST "" Gr*'], /Gr\xc3\xbcn/],
  ['APPENDLIMIT=', ['STATUS INBOX (APPENDLIMIT)'], /\(APPENDLIMIT \d+\)/],
  ['MESSAGELIMIT=', [`APPEND Sent ${Array(7).fill(one).join(' ')}`], /^NO \[MESSAGELIMIT 6\]/m],
  ['ACL', ['SETACL Sent bob lr', 'GETACL Sent'], /^\* ACL Sent .*bob lr$/m],
  ['RIGHTS=texk', ['LISTRIGHTS Sent bob'], / k x t e /],
  [
    'METADATA',
    ['SETMETADATA Sent (/shared/comment "x")', 'GETMETADATA Sent /shared/comment'],
    /comment "x"\)/,
  ],
  ['LIST-METADATA', ['LIST "" Sent RETURN (METADATA (/shared/comment))'], /^\* METADATA Sent \(/m],
  ['COMPRESS=DEFLATE', ['COMPRESS DEFLATE'], /^OK/m],
];

/** Ten seconds pass with each look at the clock. */
function hastyClock(): typeof systemClock {
  let looks = 0;
  return { ...systemClock, monotonic: () => systemClock.monotonic() + 10_000 * ++looks };
}

async function start(clock: typeof systemClock): Promise<TestHost> {
  const host = await startHost({ clock, config: { limits: { messagesPerCommandMax: 6 } } });
  for (const [subject, from, more] of [
    ['one', 'Zoe <z@example.org>', '\nbody of one'],
    ['two', 'Moe <m@example.org>', '\nx'],
    ['three', 'Ann <a@example.org>', '\nx'],
    ['=?utf-8?q?gr=C3=BCn?=', 'a@example.org', '\nx'],
    ['five', 'a@example.org', 'Content-Transfer-Encoding: base64\n\nPSkhKA=='],
  ]) {
    await host.deliver(`Subject: ${subject}\nFrom: ${from}\n${more}\n`);
  }
  await host.store.setQuota('alice', 10_240 * 1024);
  return host;
}

async function play(client: TestClient, commands: readonly string[], validity: number): Promise<string> {
  let answers: readonly string[] = [];
  for (const command of commands) answers = await client.run(command.replace('VALIDITY', `${validity}`));
  return answers.join('\n');
}

test('each announced capability works, and each that works is announced', async () => {
  await using host = await start(systemClock);
  await using hasty = await start(hastyClock());
  const client = await logIn(host.port);
  const [list = ''] = await client.ok('CAPABILITY');
  const announced = list
    .replace('* CAPABILITY ', '')
    .replace(/(APPENDLIMIT|MESSAGELIMIT)=\d+/g, '$1=')
    .split(' ');
  expect(announced.sort()).toEqual(exchanges.map(([capability]) => capability).sort());
  const { uidValidity = 0 } = (await host.store.mailboxByName('alice', 'INBOX')) ?? {};
  for (const [capability, commands, shows] of exchanges) {
    const { port } = capability === 'INPROGRESS' ? hasty : host;
    const other = await logIn(port, 'INBOX');
    expect.soft(await play(other, commands, uidValidity), capability).toMatch(shows);
    other.close();
  }
  expect(host.errors).toEqual([]);
  client.close();
});
