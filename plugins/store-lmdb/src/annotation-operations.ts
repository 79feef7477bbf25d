/** Annotations of mailboxes and accounts (RFC 5464). */
import {
  type AnnotationPlace,
  annotationNotices,
  changedAnnotations,
  type MailboxStore,
  splitAnnotations,
} from '@postroad/core';
import type { Change } from './change.js';
import type { Engine } from './engine.js';
import { openAccount } from './mailbox-changes.js';
import { accountKey } from './records.js';
import { requireMailbox } from './require-mailbox.js';
import { pair, type Tables } from './tables.js';

type Values = ReadonlyMap<string, Uint8Array>;

/** The place of what belongs to everybody, and of what belongs to no mailbox. */
const nobody = 0;
const noMailbox = 0;

/** Reading and setting annotations. */
export function annotationOperations(
  engine: Engine,
): Required<Pick<MailboxStore, 'annotations' | 'annotate'>> {
  return {
    async annotations(place) {
      return engine.read((tables) => {
        const mailbox = place.mailboxId === undefined ? noMailbox : engine.mailbox(place.mailboxId).number;
        const account = tables.accounts.get(accountKey(place.accountId))?.number;
        const own = account === undefined ? [] : valuesAt(tables, mailbox, account);
        return new Map([...valuesAt(tables, mailbox, nobody), ...own]);
      });
    },
    annotate(place, values) {
      return engine.run((change) => annotate(change, place, values));
    },
  };
}

function annotate(
  change: Change,
  place: AnnotationPlace,
  values: ReadonlyMap<string, Uint8Array | null>,
): void {
  const { accountId, mailboxId } = place;
  const mailbox = mailboxId === undefined ? undefined : requireMailbox(change, mailboxId);
  const account = openAccount(change, accountId);
  const number = mailbox?.number ?? noMailbox;
  const { tables } = change.environment;
  const [shared, own] = splitAnnotations(values);
  const changed = [
    [nobody, changedAnnotations(valuesAt(tables, number, nobody), shared)],
    [account.number, changedAnnotations(valuesAt(tables, number, account.number), own)],
  ] as const;
  for (const [owner, all] of changed) {
    const key = pair(number, owner);
    if (all.size === 0) change.write(() => void tables.annotations.remove(key));
    else change.write(() => void tables.annotations.put(key, [...all]));
  }
  change.annotated.push(...annotationNotices(place, mailbox?.accountId ?? accountId, values.keys()));
}

/** Removes what belongs to a mailbox that is being cleared away. */
export function dropAnnotations(change: Change, mailbox: number): void {
  const { tables } = change.environment;
  for (const key of tables.annotations.getKeys({ start: pair(mailbox, 0), end: pair(mailbox + 1, 0) })) {
    change.write(() => void tables.annotations.remove(key));
  }
}

function valuesAt(tables: Tables, mailbox: number, account: number): Values {
  return new Map(tables.annotations.get(pair(mailbox, account)) ?? []);
}
