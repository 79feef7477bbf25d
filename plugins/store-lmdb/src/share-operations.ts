/** Sharing mailboxes with other accounts (RFC 4314). */
import {
  anyone,
  joinedRights,
  type MailboxStore,
  MailError,
  type SharedMailbox,
  sharesMax,
} from '@postroad/core';
import type { Change } from './change.js';
import type { Engine } from './engine.js';
import { accountKey, type MailboxRecord, mailboxFacts } from './records.js';
import { requireMailbox } from './require-mailbox.js';
import type { Tables } from './tables.js';

/** Reading and giving rights. */
export function shareOperations(
  engine: Engine,
): Required<Pick<MailboxStore, 'shares' | 'setShare' | 'sharedWith'>> {
  return {
    async shares(mailboxId) {
      return engine.read(() => new Map(engine.mailbox(mailboxId).shares ?? []));
    },
    setShare(mailboxId, accountId, rights) {
      return engine.run((change) => setShare(change, requireMailbox(change, mailboxId), accountId, rights));
    },
    async sharedWith(accountId) {
      return engine.read((tables) => {
        const numbers = new Set([...mailboxesOf(tables, accountId), ...mailboxesOf(tables, anyone)]);
        return [...numbers].flatMap((number) => sharedMailbox(tables, number, accountId));
      });
    },
  };
}

/** Forgets the shares of a mailbox that is being removed. */
export function dropShares(change: Change, mailbox: MailboxRecord): void {
  const { tables } = change.environment;
  for (const [accountId] of mailbox.shares ?? []) {
    change.write(() => void tables.shared.remove([accountKey(accountId), mailbox.number]));
  }
  delete mailbox.shares;
}

function setShare(change: Change, mailbox: MailboxRecord, accountId: string, rights: string): void {
  const { tables } = change.environment;
  const shares = new Map(mailbox.shares ?? []);
  if (rights === '') shares.delete(accountId);
  else shares.set(accountId, rights);
  if (shares.size > sharesMax) throw new MailError('E_QUOTA', 'the mailbox is shared with too many');
  mailbox.shares = [...shares];
  const key: [string, number] = [accountKey(accountId), mailbox.number];
  if (rights === '') change.write(() => void tables.shared.remove(key));
  else change.write(() => void tables.shared.put(key, true));
  change.lists.add(accountId);
}

function mailboxesOf(tables: Tables, accountId: string): number[] {
  const key = accountKey(accountId);
  const range = {
    start: [key, 0] as [string, number],
    end: [key, Number.MAX_SAFE_INTEGER] as [string, number],
  };
  return [...tables.shared.getKeys(range)].map(([, number]) => number);
}

function sharedMailbox(tables: Tables, number: number, accountId: string): SharedMailbox[] {
  const record = tables.mailboxes.get(number);
  if (record === undefined || record.isRemoved || record.accountId === accountId) return [];
  const shares = new Map(record.shares ?? []);
  const rights = joinedRights([shares.get(accountId) ?? '', shares.get(anyone) ?? '']);
  return rights === '' ? [] : [{ mailbox: mailboxFacts(record), rights }];
}
