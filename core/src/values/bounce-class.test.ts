import { expect, test } from 'vitest';
import { type BounceClass, classifyBounce } from './bounce-class.js';
import { reply } from './reply.js';

const cases: readonly (readonly [code: number, detail: string | undefined, text: string, is: BounceClass])[] =
  [
    [550, '1.1', 'The email account that you tried to reach does not exist.', 'address'],
    [550, undefined, 'No such user here', 'address'],
    [550, undefined, 'Requested action not taken: mailbox unavailable', 'address'],
    [550, '2.1', 'The account is disabled', 'address'],
    [550, '1.1', 'Blocked - see spamhaus', 'block'],
    [554, '7.1', 'Service unavailable; client host blocked using zen', 'block'],
    [550, '7.26', 'Unauthenticated email is not accepted due to DMARC policy', 'policy'],
    [550, '7.1', 'denied', 'policy'],
    [552, '2.2', 'over quota', 'quota'],
    [452, '2.2', 'mailbox full', 'quota'],
    [552, '3.4', 'message too big', 'message'],
    [556, '1.10', 'the domain takes no mail', 'domain'],
    [451, '4.1', 'no answer', 'transient'],
    [450, '1.1', 'user unknown for now', 'transient'],
    [421, undefined, 'blocked for a while', 'block'],
    [550, undefined, 'no', 'unknown'],
  ];

test.each(cases)('%d %s %s is %s', (code, detail, text, is) => {
  expect(classifyBounce(reply(code, detail, text))).toBe(is);
});
