/** The examples of the extensions' RFCs as dialogues, with messages and words of our own where the RFC has others. */
import { playDialogue } from '@postroad/core/testing';
import { expect, test } from 'vitest';
import { startHost } from './host.js';

/** What each dialogue begins with: three messages in INBOX, the second one flagged, and INBOX selected. */
const begin = `
S: * OK ...
C: a LOGIN alice secret
S: a OK ...
C: b SELECT INBOX
S: ...
S: b OK [READ-WRITE] ...
`;

const dialogues: readonly (readonly [what: string, script: string])[] = [
  [
    'RFC 9051 section 8 and RFC 3691: from SELECT to LOGOUT',
    `C: A2 FETCH 2 (FLAGS RFC822.SIZE)
     S: * 2 FETCH (FLAGS (\\Flagged) RFC822.SIZE 52)
     S: A2 OK ...
     C: A3 FETCH 2 BODY[HEADER.FIELDS (SUBJECT)]
     S: * 2 FETCH (... BODY[HEADER.FIELDS (SUBJECT)] {16}
     S: Subject: two
     S:
     S: )
     S: A3 OK ...
     C: A4 STORE 2 +FLAGS (\\\\Deleted)
     S: * 2 FETCH (FLAGS (\\Deleted \\Flagged \\Seen))
     S: A4 OK ...
     C: A5 UNSELECT
     S: A5 OK ...
     C: A6 FETCH 1 FLAGS
     S: A6 BAD ...
     C: A7 LOGOUT
     S: * BYE ...
     S: A7 OK ...
     S: <closed>`,
  ],
  [
    'RFC 2177: IDLE ends with DONE, and with nothing else',
    `C: A1 IDLE
     S: + ...
     C: DONE
     S: A1 OK ...
     C: A2 IDLE
     S: + ...
     C: NOOP
     S: A2 BAD ...`,
  ],
  [
    'RFC 2342: NAMESPACE',
    `C: A1 NAMESPACE
     S: * NAMESPACE (("" "/")) (("Other Users/" "/")) NIL
     S: A1 OK ...`,
  ],
  [
    'RFC 2971: ID, also with nothing to say',
    `C: A1 ID ("name" "sodr" "version" "19.34" "vendor" "Pink Floyd Music Limited")
     S: * ID (...)
     S: A1 OK ...
     C: A2 ID NIL
     S: * ID ...
     S: A2 OK ...`,
  ],
  [
    'RFC 4315: UIDs of what is copied, appended and expunged',
    `C: A1 CREATE meeting
     S: A1 OK ...
     C: A2 COPY 2:3 meeting
     S: A2 OK [COPYUID ... 2:3 1:2] ...
     C: A3 APPEND meeting (\\\\Seen) {8+}
     C: a: b
     C:
     C:
     S: A3 OK [APPENDUID ... 3] ...
     C: A4 STORE 1:2 +FLAGS.SILENT (\\\\Deleted)
     S: A4 OK ...
     C: A5 UID EXPUNGE 2:9
     S: * 2 EXPUNGE
     S: A5 OK ...`,
  ],
  [
    'RFC 4731 and RFC 5182: what a search returns, and what $ stands for',
    `C: A1 SEARCH RETURN (MIN COUNT) FLAGGED SINCE 1-Feb-1994
     S: * ESEARCH (TAG "A1") MIN 2 COUNT 1
     S: A1 OK ...
     C: A2 UID SEARCH RETURN () 1:3 NOT FLAGGED
     S: * ESEARCH (TAG "A2") UID ALL 1,3
     S: A2 OK ...
     C: A3 SEARCH RETURN (SAVE) FLAGGED
     S: A3 OK ...
     C: A4 FETCH $ (UID)
     S: * 2 FETCH (UID 2)
     S: A4 OK ...
     C: A5 SEARCH RETURN (MIN SAVE) SUBJECT nothing
     S: * ESEARCH (TAG "A5")
     S: A5 OK ...
     C: A6 UID FETCH $ FLAGS
     S: A6 OK ...`,
  ],
  [
    'RFC 5161 and RFC 7162 section 3.1: mod-sequences once they are enabled',
    `C: A1 ENABLE CONDSTORE X-GOOD-IDEA
     S: * OK [HIGHESTMODSEQ ...
     S: * ENABLED CONDSTORE
     S: A1 OK ...
     C: A2 STORE 1,2,3 (UNCHANGEDSINCE 1) +FLAGS.SILENT (\\\\Deleted)
     S: A2 OK [MODIFIED 1:3] ...
     C: A3 STORE 1 (UNCHANGEDSINCE 4000) +FLAGS.SILENT (\\\\Deleted)
     S: * 1 FETCH (MODSEQ (...))
     S: A3 OK ...
     C: A4 SEARCH MODSEQ 1
     S: * SEARCH 1 2 3 (MODSEQ ...)
     S: A4 OK ...
     C: A5 FETCH 1:* (FLAGS) (CHANGEDSINCE 4000)
     S: A5 OK ...`,
  ],
  [
    'RFC 5256: SORT and THREAD',
    `C: A1 SORT (SUBJECT) UTF-8 ALL
     S: * SORT 1 3 2
     S: A1 OK ...
     C: A2 SORT (REVERSE SUBJECT) US-ASCII NOT FLAGGED
     S: * SORT 3 1
     S: A2 OK ...
     C: A3 THREAD ORDEREDSUBJECT UTF-8 ALL
     S: * THREAD ...
     S: A3 OK ...
     C: A4 SORT (SUBJECT) X-NONE ALL
     S: A4 NO [BADCHARSET ...`,
  ],
  [
    'RFC 5258, RFC 5819 and RFC 6154: LIST with what it selects and returns',
    `C: A1 LIST (SUBSCRIBED) "" "Dra%" RETURN (CHILDREN)
     S: * LIST (...\\Subscribed...) "/" Drafts
     S: A1 OK ...
     C: A2 LIST "" (INBOX Sent) RETURN (STATUS (MESSAGES))
     S: * LIST (...) "/" INBOX
     S: * STATUS INBOX (MESSAGES 3)
     S: * LIST (...) "/" Sent
     S: * STATUS Sent (MESSAGES 0)
     S: A2 OK ...
     C: A3 LIST (SPECIAL-USE) "" "Tr*"
     S: * LIST (...\\Trash...) "/" Trash
     S: A3 OK ...
     C: A4 CREATE MyDrafts (USE (\\\\Drafts))
     S: A4 ...
     C: A5 LIST (RECURSIVEMATCH) "" *
     S: A5 BAD ...`,
  ],
  [
    'RFC 6851: MOVE tells the new UIDs before it expunges',
    `C: A1 UID MOVE 1:2 Archive
     S: * OK [COPYUID ... 1:2 1:2] ...
     S: * 1 EXPUNGE
     S: * 1 EXPUNGE
     S: A1 OK ...
     C: A2 MOVE 1 nowhere
     S: A2 NO [TRYCREATE] ...`,
  ],
  [
    'RFC 8438, RFC 7889 and RFC 9208: sizes and room',
    `C: A1 STATUS INBOX (MESSAGES SIZE UNSEEN)
     S: * STATUS INBOX (MESSAGES 3 SIZE 162 UNSEEN 3)
     S: A1 OK ...
     C: A2 STATUS INBOX (APPENDLIMIT)
     S: * STATUS INBOX (APPENDLIMIT ...)
     S: A2 OK ...
     C: A3 GETQUOTAROOT INBOX
     S: * QUOTAROOT INBOX ...
     S: ...
     S: A3 OK ...`,
  ],
  [
    'RFC 4314: rights of oneself and of others',
    `C: A1 MYRIGHTS INBOX
     S: * MYRIGHTS INBOX lrswipkxteacd
     S: A1 OK ...
     C: A2 SETACL INBOX bob lrs
     S: A2 OK ...
     C: A3 GETACL INBOX
     S: * ACL INBOX alice lrswipkxteacd bob lrs
     S: A3 OK ...
     C: A4 SETACL INBOX bob -s
     S: A4 OK ...
     C: A5 GETACL INBOX
     S: * ACL INBOX alice lrswipkxteacd bob lr
     S: A5 OK ...
     C: A6 SETACL INBOX -bob w
     S: A6 NO ...
     C: A7 DELETEACL INBOX bob
     S: A7 OK ...`,
  ],
  [
    'RFC 5464: annotations',
    `C: A1 SETMETADATA INBOX (/private/comment "My new comment")
     S: A1 OK ...
     C: A2 GETMETADATA INBOX /private/comment
     S: * METADATA INBOX (/private/comment "My new comment")
     S: A2 OK ...
     C: A3 SETMETADATA INBOX (/private/comment NIL)
     S: A3 OK ...
     C: A4 GETMETADATA (DEPTH 1) INBOX (/private/comment)
     S: ...
     S: A4 OK ...`,
  ],
  [
    'RFC 8474, RFC 8514 and RFC 8970: ids, dates of saving and previews',
    `C: A1 STATUS INBOX (MAILBOXID)
     S: * STATUS INBOX (MAILBOXID (F...))
     S: A1 OK ...
     C: A2 FETCH 1 (EMAILID THREADID SAVEDATE PREVIEW)
     S: * 1 FETCH (EMAILID (M...) THREADID (T...) SAVEDATE "..." PREVIEW "body of one")
     S: A2 OK ...`,
  ],
  [
    'RFC 9394: windows of results and of FETCH',
    `C: A1 UID SEARCH RETURN (PARTIAL -1:-2) ALL
     S: * ESEARCH (TAG "A1") UID PARTIAL (-1:-2 2:3)
     S: A1 OK ...
     C: A2 UID FETCH 1:* (FLAGS) (PARTIAL 1:1)
     S: * 1 FETCH (UID 1 FLAGS ())
     S: A2 OK ...`,
  ],
  [
    'RFC 8437: UNAUTHENTICATE and a second login',
    `C: A1 UNAUTHENTICATE
     S: A1 OK ...
     C: A2 SELECT INBOX
     S: A2 BAD ...
     C: A3 AUTHENTICATE PLAIN AGJvYgBzZWNyZXQ=
     S: A3 OK ...
     C: A4 STATUS INBOX (MESSAGES)
     S: * STATUS INBOX (MESSAGES 0)
     S: A4 OK ...`,
  ],
];

test.each(dialogues)('%s', async (_what, script) => {
  await using host = await startHost();
  for (const subject of ['one', 'two', 'three']) {
    const flags = subject === 'two' ? ['\\Flagged'] : [];
    await host.deliver(
      `Subject: ${subject}\nFrom: ${subject}@example.org\n\nbody of ${subject}\n`,
      'INBOX',
      flags,
    );
  }
  const lines = script.split('\n').map((line) => line.trim());
  await playDialogue({ port: host.port }, `${begin}${lines.join('\n')}\n`);
  expect(host.errors).toEqual([]);
});
