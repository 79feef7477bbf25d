import type { Mailbox, MailboxEntry } from '@postroad/core';
import { expect, test } from 'vitest';
import { View } from './view.js';

const mailbox: Mailbox = {
  id: 'm',
  accountId: 'a',
  name: 'INBOX',
  uidValidity: 1,
  uidNext: 2,
  highestModSeq: 5,
  isSubscribed: true,
  messages: 1,
  unseen: 1,
  sizeBytes: 1,
};

function entry(modSeq: number, ...flags: string[]): MailboxEntry {
  const ids = { messageId: 'x', threadId: 't' };
  return { ...ids, uid: 1, modSeq, flags, sizeBytes: 1, internalDateMs: 0, savedAtMs: 0 };
}

test('an answer that comes late does not undo what is known already', () => {
  const view = new View(mailbox, [entry(5)], false);
  const changes = { isComplete: true, vanished: [], uidNext: 2, highestModSeq: 7 };
  view.apply({ ...changes, changed: [entry(7, 'b')] });
  view.replaceQuietly(entry(6, 'a'));
  expect(view.entries[0]?.flags).toEqual(['b']);
  view.apply({ ...changes, changed: [entry(6, 'a')] });
  expect(view.entries[0]?.flags).toEqual(['b']);
});
