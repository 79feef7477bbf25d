/** The operations of the store that change messages. */
import {
  type Copied,
  changedFlags,
  type Filed,
  type Filing,
  type MailboxEntry,
  type MailboxStore,
  MailError,
  type NewMessage,
  normaliseFlags,
  type ParsedMessage,
  parseStructure,
  requireMailboxName,
  sortedUids,
} from '@postroad/core';
import { type Change } from './change.js';
import type { Engine } from './engine.js';
import { fileAll } from './file-all.js';
import { fileMessage, hasRoom } from './file-message.js';
import { requirePair } from './mailbox-changes.js';
import { holdMessage, letGoMessage } from './message-changes.js';
import { type AccountRecord, type MailboxRecord } from './records.js';
import { requireMailbox } from './require-mailbox.js';

type MessageOperations = Required<
  Pick<MailboxStore, 'file' | 'fileAll' | 'changeFlags' | 'copy' | 'move' | 'expunge'>
>;

/** Changing messages. */
export function messageOperations(engine: Engine): MessageOperations {
  return {
    async file(message, filings) {
      for (const { mailbox } of filings) if ('name' in mailbox) requireMailboxName(mailbox.name);
      if (filings.length === 0) return [];
      const parsed = await parseStructure(message.prefix, message.body);
      const filed = await fileOnce(engine, message, parsed, filings, false);
      // The last message with the same body was removed between the look and the commit.
      return filed ?? ((await fileOnce(engine, message, parsed, filings, true)) as readonly Filed[]);
    },
    fileAll: (place, messages) => fileAll(engine, place, messages),
    changeFlags(mailboxId, uids, wanted) {
      return engine.run((change) => {
        const mailbox = requireMailbox(change, mailboxId);
        const flags = normaliseFlags(wanted.flags, change.keywords(mailbox.account));
        const limit = wanted.unchangedSince ?? Number.POSITIVE_INFINITY;
        const refused: number[] = [];
        const changes: (readonly [MailboxEntry, readonly string[]])[] = [];
        for (const entry of change.entries(mailbox, sortedUids(uids))) {
          const after = changedFlags(entry.flags, { mode: wanted.mode, flags });
          if (entry.modSeq > limit) refused.push(entry.uid);
          else if (after !== undefined) changes.push([entry, after]);
        }
        const entries = change.reflag(mailbox, changes);
        return { entries, refused, highestModSeq: mailbox.modSeq };
      });
    },
    copy(mailboxId, uids, targetMailboxId) {
      return engine.run((change) => {
        const [source, target] = requirePair(change, mailboxId, targetMailboxId);
        const found = change.entries(source, sortedUids(uids));
        const sizeBytes = found.reduce((sum, entry) => sum + entry.sizeBytes, 0);
        if (!hasRoom(change.accountRecord(source.accountId) as AccountRecord, sizeBytes)) {
          throw new MailError('E_QUOTA', 'the account has no room for the copies');
        }
        for (const entry of found) holdMessage(change, entry.messageId, 1);
        return appendEntries(change, found, target);
      });
    },
    move(mailboxId, uids, targetMailboxId) {
      return engine.run((change) => {
        const [source, target] = requirePair(change, mailboxId, targetMailboxId);
        return moveEntries(change, source, sortedUids(uids), target);
      });
    },
    expunge(mailboxId, uids) {
      return engine.run((change) => {
        const mailbox = requireMailbox(change, mailboxId);
        const found = change.entries(mailbox, sortedUids(uids));
        change.remove(mailbox, found);
        for (const entry of found) letGoMessage(change, entry.messageId);
        return { uids: found.map((entry) => entry.uid), highestModSeq: mailbox.modSeq };
      });
    },
  };
}

/** Moves entries as they are, in the change at hand. */
export function moveEntries(
  change: Change,
  source: MailboxRecord,
  uids: readonly number[],
  target: MailboxRecord,
): Copied {
  const found = change.entries(source, uids);
  const copied = appendEntries(change, found, target);
  change.remove(source, found);
  return copied;
}

function appendEntries(change: Change, found: readonly MailboxEntry[], target: MailboxRecord): Copied {
  const savedAtMs = change.environment.nowMs();
  const uids = change.append(
    target,
    found.map((entry) => ({ ...entry, savedAtMs })),
  );
  return {
    uidValidity: target.uidValidity,
    pairs: found.map((entry, index) => [entry.uid, uids[index] as number] as const),
  };
}

/** `undefined` when the body's file is needed after all. */
async function fileOnce(
  engine: Engine,
  message: NewMessage,
  parsed: ParsedMessage,
  filings: readonly Filing[],
  isNeeded: boolean,
): Promise<readonly Filed[] | undefined> {
  const body = await engine.bodies.prepare(message, { isNeeded });
  try {
    const filed = await engine.run((change) => fileMessage(change, message, parsed, filings, body));
    const isStored = filed?.some((one) => one.status === 'filed') === true;
    if (!isStored && body.file !== undefined) engine.files.remove(body.file);
    return filed;
  } catch (error) {
    if (body.file !== undefined) engine.files.remove(body.file);
    throw error;
  }
}
