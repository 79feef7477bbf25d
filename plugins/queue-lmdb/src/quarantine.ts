/** Records that can't be read are set aside and reported; the rest of the queue goes on. */
import type { Batch } from './commit-queue.js';
import type { QueueState } from './queue-state.js';
import { table } from './tables/tables.js';

/** Moves a record to the quarantine database, in this commit. Returns the name under which it can be found. */
export function setAside(
  state: QueueState,
  batch: Batch,
  from: 'recipients' | 'leased' | 'messages',
  key: string,
  record: Buffer,
): string {
  const name = `${from}/${key}`;
  state.log.error('queue record can not be read and is set aside', { record: name, octets: record.length });
  batch.put(table.quarantine, name, record);
  // A message stays where it is while it has recipients: they are held, and an operator decides.
  if (from !== 'messages') batch.remove(table[from], key);
  return name;
}
