/** The examples of the RFCs on searching and changing, as dialogues with messages of our own. */
import { playDialogue } from '@postroad/core/testing';
import { test } from 'vitest';
import { startHost } from './host.js';
import { playScript } from './play-script.js';

const dialogues: readonly (readonly [what: string, script: string])[] = [
  [
    'RFC 6203: a fuzzy search with relevancies, sorted by them',
    `C: A1 SEARCH FUZZY SUBJECT "thre"
     S: * SEARCH 3
     S: A1 OK ...
     C: A2 SEARCH RETURN (RELEVANCY ALL) FUZZY TEXT "body"
     S: * ESEARCH (TAG "A2") ALL 1:3 RELEVANCY (...)
     S: A2 OK ...
     C: A3 SORT (RELEVANCY) UTF-8 FUZZY SUBJECT "two"
     S: * SORT 2
     S: A3 OK ...
     C: A4 SEARCH SUBJECT "thre" NOT SUBJECT "three"
     S: * SEARCH
     S: A4 OK ...`,
  ],
  [
    'RFC 5032: messages by their age',
    `C: A1 SEARCH UNSEEN YOUNGER 259200
     S: * SEARCH
     S: A1 OK ...
     C: A2 SEARCH OLDER 259200
     S: * SEARCH 1 2 3
     S: A2 OK ...
     C: A3 SEARCH YOUNGER 0
     S: A3 BAD ...
     C: A4 SEARCH YOUNGER -1
     S: A4 BAD ...`,
  ],
  [
    'RFC 8508: REPLACE, and REPLACE into another mailbox',
    `C: A1 REPLACE 3 INBOX (\\\\Seen) {8+}
     C: a: b
     C:
     C:
     S: * OK [APPENDUID ... 4] ...
     S: * 3 EXPUNGE
     S: * 3 EXISTS
     S: * 0 RECENT
     S: A1 OK ...
     C: A2 UID REPLACE 2 Drafts {8+}
     C: a: b
     C:
     C:
     S: * OK [APPENDUID ... 1] ...
     S: * 2 EXPUNGE
     S: A2 OK ...
     C: A3 UID REPLACE 2 Drafts {8+}
     C: a: b
     C:
     C:
     S: A3 NO [NONEXISTENT] ...
     C: A4 REPLACE 1 Nowhere {8}
     S: A4 NO [TRYCREATE] ...`,
  ],
  [
    'RFC 3502 and RFC 7888: several messages in one APPEND, with and without waiting',
    `C: A1 APPEND Drafts (\\\\Seen) "01-Jan-2024 10:00:00 +0000" {8}
     S: + ...
     C: a: b
     C:
     C+  (\\\\Draft) {8+}
     C+ \\r\\na: c\\r\\n\\r\\n\\r\\n
     S: A1 OK [APPENDUID ... 1:2] ...
     C: A2 STATUS Drafts (MESSAGES UNSEEN)
     S: * STATUS Drafts (MESSAGES 2 UNSEEN 1)
     S: A2 OK ...`,
  ],
  [
    'RFC 3516: parts without their encoding',
    `C: A1 FETCH 1 BINARY.SIZE[1]
     S: * 1 FETCH (BINARY.SIZE[1] 13)
     S: A1 OK ...
     C: A2 FETCH 1 BINARY.PEEK[1]<0.4>
     S: * 1 FETCH (BINARY[1]<0> {4}
     S: body)
     S: A2 OK ...
     C: A3 FETCH 1 BINARY[9]
     S: ...
     S: A3 ...`,
  ],
  [
    'RFC 4469: a message from parts of others',
    `C: A1 APPEND Drafts CATENATE (URL "/INBOX/;UID=1/;SECTION=HEADER" TEXT {5+}
     C: new
     C: )
     S: A1 OK [APPENDUID ... 1] ...
     C: A2 APPEND Drafts CATENATE (URL "/INBOX/;UID=99")
     S: A2 NO [BADURL ...
     C: A3 SELECT Drafts
     S: ...
     S: A3 OK ...
     C: A4 FETCH 1 (BODY.PEEK[HEADER.FIELDS (SUBJECT)] BODY.PEEK[TEXT])
     S: * 1 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {16}
     S: Subject: one
     S:
     S:  BODY[TEXT] {5}
     S: new
     S: )
     S: A4 OK ...`,
  ],
  [
    'RFC 7377: one search over several mailboxes',
    `C: A1 COPY 2 Archive
     S: A1 OK ...
     C: A2 ESEARCH IN (mailboxes "Archive" selected) RETURN (COUNT) SUBJECT two
     S: * ESEARCH (TAG "A2" MAILBOX INBOX UIDVALIDITY ...) UID COUNT 1
     S: * ESEARCH (TAG "A2" MAILBOX Archive UIDVALIDITY ...) UID COUNT 1
     S: A2 OK ...
     C: A3 ESEARCH IN (personal) 1:3
     S: A3 BAD ...`,
  ],
  [
    'RFC 5957: sorting by the names people see',
    `C: A1 SORT (DISPLAYFROM) UTF-8 ALL
     S: * SORT 1 3 2
     S: A1 OK ...
     C: A2 SORT (REVERSE DISPLAYFROM) UTF-8 ALL
     S: * SORT 2 3 1
     S: A2 OK ...`,
  ],
  [
    'RFC 9586: nothing but UIDs',
    `C: A1 ENABLE UIDONLY
     S: * ENABLED UIDONLY
     S: A1 OK ...
     C: A2 FETCH 1:3 FLAGS
     S: A2 BAD [UIDREQUIRED] ...
     C: A3 UID FETCH 2:3 FLAGS
     S: * 2 UIDFETCH (FLAGS (\\Flagged))
     S: * 3 UIDFETCH (FLAGS ())
     S: A3 OK ...
     C: A4 UID STORE 3 +FLAGS.SILENT (\\\\Deleted)
     S: A4 OK ...
     C: A5 UID EXPUNGE 3
     S: * VANISHED 3
     S: A5 OK ...
     C: A6 UID SEARCH 1:2
     S: A6 BAD [UIDREQUIRED] ...`,
  ],
  [
    'RFC 9590: annotations in a list',
    `C: A1 SETMETADATA Drafts (/shared/comment "to do")
     S: A1 OK ...
     C: A2 LIST "" "Dr%" RETURN (METADATA (/shared/comment))
     S: * LIST (...) "/" Drafts
     S: * METADATA Drafts (/shared/comment "to do")
     S: A2 OK ...`,
  ],
  [
    'RFC 9051 sections 6.3.7 and 6.3.9: a subscription outlives its mailbox',
    `C: A1 CREATE Fruit/Apple
     S: A1 OK ...
     C: A2 SUBSCRIBE Fruit/Apple
     S: A2 OK ...
     C: A3 DELETE Fruit/Apple
     S: A3 OK ...
     C: A4 DELETE Fruit
     S: A4 OK ...
     C: A5 LIST "" "Fr*"
     S: A5 OK ...
     C: A6 LIST (SUBSCRIBED) "" "Fr*"
     S: * LIST (\\NonExistent \\HasNoChildren \\Subscribed) "/" Fruit/Apple
     S: A6 OK ...
     C: A7 LIST (SUBSCRIBED RECURSIVEMATCH) "" "Fr%"
     S: * LIST (\\NonExistent \\HasNoChildren) "/" Fruit ("CHILDINFO" ("SUBSCRIBED"))
     S: A7 OK ...
     C: A8 LSUB "" "Fr*"
     S: * LSUB (\\HasNoChildren) "/" Fruit/Apple
     S: A8 OK ...
     C: A9 LSUB "" "Fr%"
     S: * LSUB (\\Noselect \\HasChildren) "/" Fruit
     S: A9 OK ...
     C: B1 STATUS Fruit/Apple (MESSAGES)
     S: B1 NO [NONEXISTENT] ...
     C: B2 UNSUBSCRIBE Fruit/Apple
     S: B2 OK ...
     C: B3 UNSUBSCRIBE Fruit/Apple
     S: B3 NO [NONEXISTENT] ...
     C: B4 SUBSCRIBE Fruit/Apple
     S: B4 NO [NONEXISTENT] ...
     C: B5 LSUB "" "*Fr*"
     S: B5 OK ...`,
  ],
];

test.each(dialogues)('%s', (_what, script) => playScript(script));

test('an ID of thirty fields is taken before login (RFC 2971 section 3.3)', async () => {
  await using host = await startHost();
  const field = (at: number) => `"${`field${at}`.padEnd(30, 'x')}" "${'v'.repeat(1024)}"`;
  const fields = Array.from({ length: 30 }, (_, at) => field(at)).join(' ');
  await playDialogue(
    { port: host.port },
    `S: * OK ...\nC: A1 ID (${fields})\nS: * ID (...)\nS: A1 OK ...\nC: A2 ID ("a" "${'v'.repeat(40_000)}")\nS: A2 BAD ...\n`,
  );
});
