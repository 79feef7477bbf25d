/** The operations of the store that only read. */
import { type MailboxStore, normaliseMailboxName } from '@postroad/core';
import type { Engine } from './engine.js';
import { decodeEntry } from './entry-codec.js';
import { namesOf, openAccount } from './mailbox-changes.js';
import { type AccountRecord, accountKey, type MailboxRecord, mailboxFacts } from './records.js';
import { pair, viewOf } from './tables.js';
import { textCandidates } from './text-index.js';

type ReadOperations = Pick<
  MailboxStore,
  | 'textCandidates'
  | 'mailboxes'
  | 'mailboxByName'
  | 'mailbox'
  | 'entries'
  | 'changes'
  | 'messages'
  | 'open'
  | 'quota'
>;

/** Reading. Each answer is of one moment. */
export function readOperations(engine: Engine): ReadOperations {
  return {
    async mailboxes(accountId) {
      const account = await accountOf(engine, accountId);
      return engine.read((tables) =>
        namesOf(tables, account.number).map(([, number]) =>
          mailboxFacts(tables.mailboxes.get(number) as MailboxRecord),
        ),
      );
    },
    async mailboxByName(accountId, name) {
      const normal = normaliseMailboxName(name);
      if (normal === undefined) return undefined;
      const account = await accountOf(engine, accountId);
      return engine.read((tables) => {
        const number = tables.names.get([account.number, normal]);
        const record = number === undefined ? undefined : tables.mailboxes.get(number);
        return record === undefined ? undefined : mailboxFacts(record);
      });
    },
    async mailbox(mailboxId) {
      return engine.read(() => {
        const record = engine.findMailbox(mailboxId);
        return record === undefined ? undefined : mailboxFacts(record);
      });
    },
    async entries(mailboxId, range) {
      return engine.read(() => {
        const index = engine.cache.index(engine.mailbox(mailboxId));
        return range === undefined ? index.all() : index.range(range.first, range.last);
      });
    },
    async changes(mailboxId, modSeq) {
      return engine.read(() => changesSince(engine, engine.mailbox(mailboxId), modSeq));
    },
    async messages(messageIds) {
      return engine.read(() => messageIds.map((id) => engine.message(id)?.stored));
    },
    async open(messageId) {
      return engine.read(() => {
        const message = engine.message(messageId);
        return message === undefined ? undefined : engine.bodies.open(message);
      });
    },
    async textCandidates(_mailboxId, foldedText) {
      return engine.options.hasTextIndex ? textCandidates(engine, foldedText) : undefined;
    },
    async quota(accountId) {
      const { usedBytes, messages, limitBytes } = await accountOf(engine, accountId);
      return { usedBytes, messages, ...(limitBytes === null ? {} : { limitBytes }) };
    },
  };
}

/** The account; its first use makes it. */
async function accountOf(engine: Engine, accountId: string): Promise<AccountRecord> {
  const known = engine.read((tables) => tables.accounts.get(accountKey(accountId)));
  return known ?? (await engine.run((change) => openAccount(change, accountId)));
}

function changesSince(engine: Engine, mailbox: MailboxRecord, modSeq: number) {
  const facts = { highestModSeq: mailbox.modSeq, uidNext: mailbox.uidNext };
  if (modSeq >= mailbox.modSeq) return { ...facts, changed: [], vanished: [], isComplete: true };
  if (modSeq < mailbox.logStart) {
    const changed = engine.cache.index(mailbox).changedSince(modSeq);
    return { ...facts, changed, vanished: [], isComplete: false };
  }
  const logged = engine.cache.logged(mailbox.number, modSeq);
  const uids = [...logged.changed].sort((a, b) => a - b);
  const cached = engine.cache.current(mailbox.number, mailbox.modSeq);
  const changed = cached?.pick(uids) ?? readEntries(engine, mailbox.number, uids);
  return { ...facts, changed, vanished: [...logged.vanished].sort((a, b) => a - b), isComplete: true };
}

function readEntries(engine: Engine, mailbox: number, uids: readonly number[]) {
  return uids.flatMap((uid) => {
    const octets = viewOf(engine.tables.entries, pair(mailbox, uid));
    return octets === undefined ? [] : [decodeEntry(uid, octets)];
  });
}
