/** Clears away the messages of removed mailboxes, a few at a time, so that a big one holds nobody up. */
import { dropAnnotations } from './annotation-operations.js';
import type { Change } from './change.js';
import type { Engine } from './engine.js';
import { decodeEntry } from './entry-codec.js';
import { removalKey } from './mailbox-changes.js';
import { letGoMessage } from './message-changes.js';
import { pair } from './tables.js';

/** Entries or log rows cleared in one commit. */
const batchMax = 500;

/** Clears one removed mailbox; resolves when nothing of it is left. A crash half-way is made good at the next start. */
export async function clearRemoved(engine: Engine, number: number): Promise<void> {
  while (!(await engine.run((change) => clearSome(change, number)))) {
    // Each round is a commit: others get their turn in between.
  }
  engine.cache.forget(number);
}

/** The mailboxes that an earlier run left to be cleared. */
export function pendingRemovals(engine: Engine): readonly number[] {
  const start = removalKey(0).slice(0, -1);
  return engine.read((tables) => {
    const keys: number[] = [];
    for (const key of tables.meta.getKeys({ start, end: `${start}~` }))
      keys.push(Number(key.slice(start.length)));
    return keys;
  });
}

/** Whether all is done. */
function clearSome(change: Change, number: number): boolean {
  const { tables } = change.environment;
  const range = { start: pair(number, 0), end: pair(number + 1, 0), limit: batchMax };
  const entries = [...tables.entries.getRange(range)];
  for (const { key, value } of entries) {
    letGoMessage(change, decodeEntry(key[1] as number, value).messageId);
    change.write(() => void tables.entries.remove(pair(number, key[1] as number)));
  }
  if (entries.length > 0) return false;
  const rows = [...tables.log.getKeys(range)];
  for (const key of rows) change.write(() => void tables.log.remove(pair(number, key[1] as number)));
  if (rows.length > 0) return false;
  dropAnnotations(change, number);
  change.dropMailbox(number);
  change.write(() => void tables.meta.remove(removalKey(number)));
  return true;
}
