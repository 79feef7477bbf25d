/** A client that others wrote, against the running plugin. */
import { ImapFlow } from 'imapflow';
import { expect, test } from 'vitest';
import { startHost } from './host.js';

const mail = [
  'From: Alice <alice@example.org>',
  'To: Bob <bob@example.net>',
  'Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary=b',
  '',
  '--b',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Transfer-Encoding: quoted-printable',
  '',
  'Sch=C3=B6ne Gr=C3=BC=C3=9Fe',
  '--b',
  'Content-Type: application/octet-stream',
  'Content-Disposition: attachment; filename="a.bin"',
  'Content-Transfer-Encoding: base64',
  '',
  Buffer.from('attached').toString('base64'),
  '--b--',
  '',
].join('\r\n');

function open(port: number): ImapFlow {
  return new ImapFlow({
    host: '127.0.0.1',
    port,
    secure: false,
    doSTARTTLS: false,
    auth: { user: 'alice', pass: 'secret' },
    logger: false,
  });
}

test('imapflow lists, appends, reads, searches, flags, moves and deletes', async () => {
  await using host = await startHost();
  const client = open(host.port);
  await client.connect();
  const mailboxes = await client.list();
  expect(mailboxes.find((box) => box.specialUse === '\\Sent')?.path).toBe('Sent');
  await client.mailboxCreate('Größe/Änderung');
  expect((await client.list()).map((box) => box.path)).toContain('Größe/Änderung');
  const appended = await client.append('INBOX', mail, ['\\Flagged'], new Date('2024-03-01T10:00:00Z'));
  expect(appended).toMatchObject({ uid: 1 });
  const lock = await client.getMailboxLock('INBOX');
  try {
    const message = await client.fetchOne('*', {
      envelope: true,
      bodyStructure: true,
      flags: true,
      source: true,
      internalDate: true,
    });
    if (message === false) throw new Error('no message');
    expect(message.envelope?.subject).toBe('Grüße');
    expect(message.bodyStructure?.childNodes?.map((node) => node.type)).toEqual([
      'text/plain',
      'application/octet-stream',
    ]);
    expect(message.source?.toString()).toBe(mail);
    expect([...(message.flags ?? [])]).toEqual(['\\Flagged']);
    const part = await client.download('1', '2', { uid: true });
    const chunks: Buffer[] = [];
    for await (const chunk of part.content ?? []) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toBe('attached');
    expect(await client.search({ body: 'schöne' }, { uid: true })).toEqual([1]);
    expect(await client.search({ body: 'absent' }, { uid: true })).toEqual([]);
    await client.messageFlagsAdd('1', ['\\Seen', '$Label'], { uid: true });
    expect(await client.status('INBOX', { messages: true, unseen: true })).toMatchObject({
      messages: 1,
      unseen: 0,
    });
    expect(await client.messageMove('1', 'Größe/Änderung', { uid: true })).toMatchObject({
      destination: 'Größe/Änderung',
    });
  } finally {
    lock.release();
  }
  const other = await client.getMailboxLock('Größe/Änderung');
  expect(await client.messageDelete('1:*')).toBe(true);
  other.release();
  expect(await client.status('Größe/Änderung', { messages: true })).toMatchObject({ messages: 0 });
  await client.mailboxRename('Größe', 'Groesse');
  await client.mailboxDelete('Groesse/Änderung');
  await client.logout();
  expect(host.errors).toEqual([]);
});

test('imapflow hears of a delivery while it idles', async () => {
  await using host = await startHost();
  const client = open(host.port);
  await client.connect();
  const lock = await client.getMailboxLock('INBOX');
  const told = new Promise<{ count: number }>((resolve) => client.on('exists', resolve));
  const idling = client.idle();
  await host.deliver(mail);
  expect((await told).count).toBe(1);
  lock.release();
  await client.logout();
  await idling;
});
