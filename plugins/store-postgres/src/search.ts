/** Which messages of a mailbox may contain a text. */
import type { Postgres } from '@postroad/postgres';
import { formatId, parseId } from './rows.js';
import { gramsOfQuery } from './text-grams.js';

/** Tells of a message whether it may contain the text; `undefined` when the text is too short for the index. */
export async function textCandidates(
  database: Postgres,
  mailboxId: string,
  foldedText: string,
): Promise<((messageId: string) => boolean) | undefined> {
  const grams = gramsOfQuery(foldedText);
  if (grams === undefined) return undefined;
  // Those that are certain not to: what comes after this question is not among them.
  const rows = await database.query<{ id: number }>(
    `SELECT DISTINCT m.id FROM postroad_store_entries e JOIN postroad_store_messages m ON m.id = e.message_id
     WHERE e.mailbox_id = $1 AND m.grams IS NOT NULL AND NOT m.grams @> $2::int[]`,
    [parseId('F', mailboxId) ?? -1, grams],
  );
  const out = new Set(rows.map((row) => formatId('M', row.id)));
  return (messageId) => !out.has(messageId);
}
