/** Removes what has lain in Trash and Junk for too long. */
import type { MailboxStore, SpecialUse } from '@postroad/core';
import type { Engine } from './engine.js';
import { decodeEntry } from './entry-codec.js';
import { formatId, type MailboxRecord } from './records.js';
import { pair } from './tables.js';

/** Messages removed in one commit. */
const batchMax = 500;

/** For how long messages stay in mailboxes of a use. */
export type Lifetimes = ReadonlyMap<SpecialUse, number>;

/** Removes messages filed longer ago than their mailbox allows; resolves to their number. Stops when aborted. */
export async function expireMessages(
  engine: Engine,
  store: MailboxStore,
  lifetimesMs: Lifetimes,
  signal: AbortSignal,
): Promise<number> {
  let removed = 0;
  for (const record of mailboxesWithUse(engine, lifetimesMs)) {
    const before = engine.options.nowMs() - (lifetimesMs.get(record.specialUse as SpecialUse) as number);
    for (;;) {
      if (signal.aborted) return removed;
      const uids = oldest(engine, record.number, before);
      if (uids.length === 0) break;
      removed += (await store.expunge(formatId('F', record.number), uids)).uids.length;
    }
  }
  return removed;
}

function mailboxesWithUse(engine: Engine, lifetimesMs: Lifetimes): readonly MailboxRecord[] {
  return engine.read((tables) => {
    const found: MailboxRecord[] = [];
    for (const { value } of tables.mailboxes.getRange({})) {
      const { specialUse, isRemoved, messages } = value;
      if (!isRemoved && messages > 0 && specialUse !== null && lifetimesMs.has(specialUse)) found.push(value);
    }
    return found;
  });
}

/** Messages are in the order in which they came: the first young one ends the search. */
function oldest(engine: Engine, mailbox: number, beforeMs: number): readonly number[] {
  return engine.read((tables) => {
    const uids: number[] = [];
    const range = { start: pair(mailbox, 0), end: pair(mailbox + 1, 0), limit: batchMax };
    for (const { key, value } of tables.entries.getRange(range)) {
      const uid = key[1] as number;
      if (decodeEntry(uid, value).savedAtMs >= beforeMs) break;
      uids.push(uid);
    }
    return uids;
  });
}
