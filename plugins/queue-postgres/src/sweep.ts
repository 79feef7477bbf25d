/** What belongs to no message any more: chunks whose message never came or is gone, and messages without recipients. */
import type { Postgres } from '@postroad/postgres';

const rowsMax = 1_000;

/** Removes leftovers. Chunks are written before their message, so young ones are left alone. */
export async function removeLeftovers(database: Postgres): Promise<void> {
  for (;;) {
    const removed = await database.run(
      `DELETE FROM postroad_queue_chunks WHERE (message_id, part) IN (
         SELECT c.message_id, c.part FROM postroad_queue_chunks c
         WHERE c.kept_at < now() - interval '1 hour'
           AND NOT EXISTS (SELECT FROM postroad_queue_messages m WHERE m.id = c.message_id)
         LIMIT ${rowsMax})`,
    );
    if (removed < rowsMax) break;
  }
  await database.run(
    'DELETE FROM postroad_queue_messages WHERE id IN (SELECT id FROM postroad_queue_messages WHERE remaining <= 0 LIMIT 10000)',
  );
}
