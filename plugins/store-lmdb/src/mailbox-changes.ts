/** What changes mailboxes themselves. Every function works on a `Change` and throws before it alters anything. */
import {
  compareMailboxNames,
  defaultMailboxes,
  MailError,
  mailboxParents,
  requireMailboxName,
  type SpecialUse,
  withLostSubscription,
  withoutLostSubscription,
} from '@postroad/core';
import type { Change } from './change.js';
import { type AccountRecord, type MailboxRecord } from './records.js';
import { requireMailbox } from './require-mailbox.js';
import { dropShares } from './share-operations.js';
import type { Tables } from './tables.js';

/** Most mailboxes of an account. */
const mailboxesMax = 10_000;

/** The account; made with its usual mailboxes on first use. */
export function openAccount(change: Change, accountId: string): AccountRecord {
  const known = change.accountRecord(accountId);
  if (known !== undefined) return known;
  const account = change.addAccount(accountId);
  for (const { name, specialUse } of defaultMailboxes) {
    addMailbox(change, accountId, account, name, { specialUse, isSubscribed: true });
  }
  return account;
}

/** Two mailboxes of one account; throws `E_NOT_FOUND`. */
export function requirePair(
  change: Change,
  sourceId: string,
  targetId: string,
): readonly [source: MailboxRecord, target: MailboxRecord] {
  const source = requireMailbox(change, sourceId);
  const target = requireMailbox(change, targetId);
  if (source.account !== target.account) throw new MailError('E_NOT_FOUND', 'there is no such mailbox');
  return [source, target];
}

/** The number of the mailbox of a normal name. */
export function findName(change: Change, account: AccountRecord, name: string): number | undefined {
  const { names } = change.environment.tables;
  return change.read(nameKey(account.number, name), () => names.get([account.number, name]));
}

/** Makes a mailbox and its missing parents. */
export function createMailbox(
  change: Change,
  accountId: string,
  name: string,
  options: { readonly specialUse?: SpecialUse | undefined; readonly isSubscribed: boolean },
): MailboxRecord {
  const account = openAccount(change, accountId);
  const normal = requireMailboxName(name);
  if (findName(change, account, normal) !== undefined) throw exists();
  addParents(change, accountId, account, normal);
  return addMailbox(change, accountId, account, normal, options);
}

/** Renames a mailbox that is not INBOX, with all below it. */
export function renameMailbox(change: Change, mailbox: MailboxRecord, name: string): void {
  const normal = requireMailboxName(name);
  const account = change.accountRecord(mailbox.accountId) as AccountRecord;
  const from = `${mailbox.name}/`;
  if (normal.startsWith(from)) throw new MailError('E_MAILBOX_NAME', 'a mailbox can not move below itself');
  if (findName(change, account, normal) !== undefined) throw exists();
  const renamed: (readonly [MailboxRecord, string])[] = [[mailbox, normal]];
  for (const [old, number] of namesOf(change.environment.tables, account.number)) {
    if (!old.startsWith(from)) continue;
    const to = requireMailboxName(`${normal}/${old.slice(from.length)}`);
    if (findName(change, account, to) !== undefined) throw exists();
    renamed.push([change.mailboxRecord(number) as MailboxRecord, to]);
  }
  addParents(change, mailbox.accountId, account, normal);
  for (const [record] of renamed) dropName(change, account, record.name);
  for (const [record, to] of renamed) {
    record.name = to;
    record.isSubscribed ||= takeLost(account, to);
    addName(change, account, to, record.number);
  }
  change.lists.add(mailbox.accountId);
}

/** Takes a mailbox out of its account at once; its messages are cleared away afterwards. */
export function removeMailbox(change: Change, mailbox: MailboxRecord): void {
  if (mailbox.name === 'INBOX') throw new MailError('E_MAILBOX_NAME', 'INBOX can not be deleted');
  const account = change.accountRecord(mailbox.accountId) as AccountRecord;
  account.mailboxes--;
  if (mailbox.isSubscribed) {
    account.lostSubscriptions = withLostSubscription(account.lostSubscriptions ?? [], mailbox.name);
  }
  account.messages -= mailbox.messages;
  account.usedBytes -= mailbox.sizeBytes;
  mailbox.isRemoved = true;
  dropShares(change, mailbox);
  dropName(change, account, mailbox.name);
  change.lists.add(mailbox.accountId);
  change.contents.set(mailbox.number, mailbox.accountId);
  const { meta } = change.environment.tables;
  change.write(() => void meta.put(removalKey(mailbox.number), true));
}

/** Marks a removed mailbox in the table `meta` until it is cleared. */
export function removalKey(number: number): string {
  return `removed:${number}`;
}

/** Names and numbers of an account's mailboxes, in the order of a list. */
export function namesOf(
  tables: Tables,
  account: number,
): readonly (readonly [name: string, number: number])[] {
  const range = {
    start: [account] as unknown as [number, string],
    end: [account + 1] as unknown as [number, string],
  };
  const names: (readonly [string, number])[] = [];
  for (const { key, value } of tables.names.getRange(range)) names.push([key[1], value]);
  return names.sort(([a], [b]) => compareMailboxNames(a, b));
}

function addParents(change: Change, accountId: string, account: AccountRecord, name: string): void {
  const missing = mailboxParents(name).filter((parent) => findName(change, account, parent) === undefined);
  for (const parent of missing) addMailbox(change, accountId, account, parent, { isSubscribed: false });
}

function addMailbox(
  change: Change,
  accountId: string,
  account: AccountRecord,
  name: string,
  options: { readonly specialUse?: SpecialUse | undefined; readonly isSubscribed: boolean },
): MailboxRecord {
  if (account.mailboxes >= mailboxesMax) throw new MailError('E_QUOTA', 'the account has too many mailboxes');
  const nowSeconds = Math.floor(change.environment.nowMs() / 1000);
  // Unique in the account, and above those of an earlier life of it: RFC 9051 section 2.3.1.1.
  account.lastUidValidity = Math.min(Math.max(account.lastUidValidity + 1, nowSeconds, 1), 2 ** 32 - 1);
  account.mailboxes++;
  const record: MailboxRecord = {
    number: change.next('mailbox'),
    account: account.number,
    accountId,
    name,
    uidValidity: account.lastUidValidity,
    uidNext: 1,
    modSeq: 1,
    messages: 0,
    unseen: 0,
    sizeBytes: 0,
    specialUse: options.specialUse ?? null,
    isSubscribed: takeLost(account, name) || options.isSubscribed,
    logRows: 0,
    logStart: 0,
    isRemoved: false,
  };
  change.addMailbox(record);
  addName(change, account, name, record.number);
  change.lists.add(accountId);
  return record;
}

/** Whether a name was subscribed without a mailbox; from now on it has one. */
function takeLost(account: AccountRecord, name: string): boolean {
  const before = account.lostSubscriptions;
  if (before?.includes(name) !== true) return false;
  account.lostSubscriptions = withoutLostSubscription(before, name);
  return true;
}

function addName(change: Change, account: AccountRecord, name: string, number: number): void {
  const { names } = change.environment.tables;
  change.remember(nameKey(account.number, name), number);
  change.write(() => void names.put([account.number, name], number));
}

function dropName(change: Change, account: AccountRecord, name: string): void {
  const { names } = change.environment.tables;
  change.remember(nameKey(account.number, name), undefined);
  change.write(() => void names.remove([account.number, name]));
}

function nameKey(account: number, name: string): string {
  return `name ${account} ${name}`;
}

function exists(): MailError {
  return new MailError('E_MAILBOX_EXISTS', 'a mailbox of that name exists already');
}
