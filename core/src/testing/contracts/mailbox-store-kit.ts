/** What the parts of the mailbox store's contract suite share. */
import { expect } from 'vitest';
import { type Body, readBody } from '../../body/body.js';
import { bodyFromBytes } from '../../body/inline-body.js';
import { type ErrorCode, isMailError } from '../../errors.js';
import type { ChangeNotice, Filed, Mailbox, MailboxStore, NewMessage } from '../../services/mailbox-store.js';

/** The account that most tests use. */
export const alice = 'alice@example.org';
/** Another one; ids may hold anything that a directory gives. */
export const bob = 'Bob/../\u00fc@example.org';

/** A small message with that subject. */
export function messageOf(subject: string, header = ''): NewMessage {
  const text = `From: a@example.org\r\nSubject: ${subject}\r\n${header}\r\nbody of ${subject}\r\n`;
  return { prefix: 'Delivered-To: x\r\n', body: bodyFromBytes(Buffer.from(text)), internalDateMs: 1_000_000 };
}

/** Files a message in one place, which must take it. */
export async function fileOne(
  store: MailboxStore,
  name: string,
  options: {
    readonly account?: string;
    readonly flags?: readonly string[];
    readonly message?: NewMessage;
  } = {},
): Promise<Extract<Filed, { status: 'filed' }>> {
  const filing = { accountId: options.account ?? alice, mailbox: { name }, flags: options.flags ?? [] };
  const [filed] = await store.file(options.message ?? messageOf('one'), [filing]);
  if (filed?.status !== 'filed') throw new Error(`not filed: ${filed?.status}`);
  return filed;
}

/** Files several messages one after another; returns the mailbox and the UIDs. */
export async function fileMany(
  store: MailboxStore,
  name: string,
  count: number,
): Promise<{ readonly mailboxId: string; readonly uids: readonly number[] }> {
  const filed = [];
  for (let number = 0; number < count; number++) {
    filed.push(await fileOne(store, name, { message: messageOf(`message ${number}`) }));
  }
  return { mailboxId: filed[0]?.mailboxId ?? '', uids: filed.map((one) => one.uid) };
}

/** A mailbox that must be there. */
export async function mailboxNamed(store: MailboxStore, name: string, account = alice): Promise<Mailbox> {
  const mailbox = await store.mailboxByName(account, name);
  if (mailbox === undefined) throw new Error(`no mailbox ${name}`);
  return mailbox;
}

/** Expects a rejection with that code. */
export async function expectCode(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(isMailError(error, code), `${code}, but got ${String(error)}`).toBe(true);
}

/** The whole text of a stored message, which must be there; releases it. */
export async function textOf(store: MailboxStore, messageId: string): Promise<string> {
  const body = (await store.open(messageId)) as Body;
  try {
    return (await readBody(body, 100_000_000)).toString('latin1');
  } finally {
    await body.release();
  }
}

/** Collects the notices of an account. */
export function noticesOf(
  store: MailboxStore,
  account = alice,
): { readonly list: ChangeNotice[]; stop(): void } {
  const list: ChangeNotice[] = [];
  return { list, stop: store.watch(account, (notice) => list.push(notice)) };
}
