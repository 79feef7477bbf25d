/** Two devices of one user: what one does, the other sees at once. */
import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sampleMessage } from '../../testing/sample-message.js';
import { alice, bob, type OpenPostOffice, openImap, openPostOffice } from './open-post-office.js';

let office: OpenPostOffice;

beforeAll(async () => {
  office = await openPostOffice();
});

afterAll(async () => {
  await office?.[Symbol.asyncDispose]();
});

it('tells an idling device of a new message, of flags, and of a removal', async () => {
  const phone = await openImap(office.ports.imap, bob);
  const desk = await openImap(office.ports.imap, bob);
  await phone.mailboxOpen('INBOX');
  await desk.mailboxOpen('INBOX');
  const arrival = new Promise<{ count: number }>((resolve) => phone.once('exists', resolve));
  const idling = phone.idle();
  const transport = createTransport({
    host: '127.0.0.1',
    port: office.ports.submission,
    auth: { user: alice.login, pass: alice.password },
    tls: { rejectUnauthorized: false },
  });
  const raw = await sampleMessage('to both devices', { attachmentBytes: 100 });
  await transport.sendMail({ envelope: { from: alice.login, to: bob.login }, raw });
  expect((await arrival).count).toBe(1);

  const flagged = new Promise<{ flags: Set<string> }>((resolve) => phone.once('flags', resolve));
  await desk.noop();
  await desk.messageFlagsAdd('1', ['\\Flagged', '$Important']);
  expect([...(await flagged).flags].sort()).toEqual(['$Important', '\\Flagged']);

  const removal = new Promise<{ seq: number }>((resolve) => phone.once('expunge', resolve));
  await desk.messageMove('1', 'Trash');
  expect((await removal).seq).toBe(1);
  await phone.noop();
  await idling;
  expect(await phone.status('Trash', { messages: true })).toMatchObject({ messages: 1 });
  await Promise.all([phone.logout(), desk.logout()]);
});

it('shows a POP3 client what IMAP left, and IMAP what the POP3 client removed', async () => {
  const transport = createTransport({
    host: '127.0.0.1',
    port: office.ports.submission,
    auth: { user: alice.login, pass: alice.password },
    tls: { rejectUnauthorized: false },
  });
  const desk = await openImap(office.ports.imap, bob);
  await desk.mailboxOpen('INBOX');
  const arrival = new Promise<{ count: number }>((resolve) => desk.once('exists', resolve));
  const idling = desk.idle();
  const raw = await sampleMessage('once more', { attachmentBytes: 100 });
  await transport.sendMail({ envelope: { from: alice.login, to: bob.login }, raw });
  expect((await arrival).count).toBe(1);
  const removal = new Promise<{ seq: number }>((resolve) => desk.once('expunge', resolve));
  const { default: Pop3Command } = await import('node-pop3');
  const pop3 = new Pop3Command({
    user: bob.login,
    password: bob.password,
    host: '127.0.0.1',
    port: office.ports.pop3,
  });
  expect(await pop3.UIDL()).toHaveLength(1);
  await pop3.DELE(1);
  await pop3.QUIT();
  expect((await removal).seq).toBe(1);
  await desk.noop();
  await idling;
  await desk.logout();
});
