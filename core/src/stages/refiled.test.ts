/** Who moves a message between mailboxes is heard of. */
import { expect, it } from 'vitest';
import { bodyFromBytes } from '../body/inline-body.js';
import type { RefiledEvent } from '../hooks/table.js';
import { definePlugin } from '../plugin/define.js';
import { MailboxStore } from '../services/mailbox-store.js';
import { startTestMta } from '../testing/start-test-mta.js';

it('tells of moves and copies between mailboxes with their messages, and of nothing else', async () => {
  const events: RefiledEvent[] = [];
  let store: MailboxStore | undefined;
  const watching = definePlugin({
    name: 'observe-test',
    needs: { mailboxes: MailboxStore },
    setup({ tap, services }) {
      store = services.mailboxes;
      tap('refiled', (event) => void events.push(event));
    },
  });
  await using server = await startTestMta({ plugins: [watching()] });
  expect(server.mta.state).toBe('running');
  const mailboxes = store as MailboxStore;
  const inbox = await mailboxes
    .mailboxByName('a', 'INBOX')
    .then(async (one) => one ?? (await mailboxes.mailboxes('a'))[0]);
  const junk = (await mailboxes.mailboxes('a')).find(({ specialUse }) => specialUse === 'Junk');
  if (inbox === undefined || junk === undefined) throw new Error('no mailboxes');
  for (const subject of ['one', 'two', 'three']) {
    const body = bodyFromBytes(Buffer.from(`Subject: ${subject}\r\n\r\n`));
    await mailboxes.file({ prefix: '', body, internalDateMs: 0 }, [
      { accountId: 'a', mailbox: { id: inbox.id }, flags: [] },
    ]);
  }
  await mailboxes.changeFlags(inbox.id, [1], { mode: 'add', flags: ['\\Seen'] });
  await mailboxes.copy(inbox.id, [2], inbox.id);
  await mailboxes.move(inbox.id, [99], junk.id);
  await mailboxes.move(inbox.id, [1, 3], junk.id);
  await mailboxes.copy(junk.id, [1], inbox.id);
  await expect.poll(() => events.length).toBe(2);
  const [moved, copied] = events;
  expect(moved).toMatchObject({
    accountId: 'a',
    isCopy: false,
    from: { name: 'INBOX' },
    to: { specialUse: 'Junk' },
  });
  const subjects = await mailboxes.messages(moved?.messageIds ?? []);
  expect(subjects.map((message) => message?.envelope.subject)).toEqual(['one', 'three']);
  expect(copied).toMatchObject({ isCopy: true, from: { specialUse: 'Junk' }, to: { name: 'INBOX' } });
  expect(copied?.messageIds).toHaveLength(1);
});
