/**
 * Large bodies outside of the database. A row with the name is written before the body, and touched by the statement that
 * puts the message in. The sweep dooms names whose message is not there, under a lock; a doomed name can not be referred to
 * any more, and only then is the body removed. Names are never used again, so a removal may come late or twice.
 */
import type { Bodies, NewQueuedMessage } from '@postroad/core';
import type { Postgres } from '@postroad/postgres';

/** Names that one round of the sweep takes; removals on their way at once. */
const rowsMax = 500;
const removalsMax = 8;

/** Writes the body of a message that is about to be put in; resolves with its name. */
export async function writeOutside(
  database: Postgres,
  bodies: Bodies,
  message: NewQueuedMessage,
  nowMs: number,
): Promise<string> {
  // An id comes twice only when a queue is exported and imported again: the time makes the name another one.
  const blob = `queue/${message.body.sha256}/${message.id}-${nowMs.toString(36)}`;
  await database.run('INSERT INTO postroad_queue_blobs (blob, message_id) VALUES ($1, $2)', [
    blob,
    message.id,
  ]);
  await bodies.write(blob, message.body);
  return blob;
}

/** Removes bodies whose message is gone, or never came; resolves with how many. Rejects when none can be removed now. */
export async function sweepOutside(database: Postgres, bodies: Bodies, graceMs: number): Promise<number> {
  let swept = 0;
  for (;;) {
    await doom(database, graceMs);
    const rows = await database.query<{ blob: string }>(
      'SELECT blob FROM postroad_queue_blobs WHERE is_doomed ORDER BY kept_at LIMIT $1',
      [rowsMax],
    );
    for (let at = 0; at < rows.length; at += removalsMax) {
      const blobs = rows.slice(at, at + removalsMax).map((row) => row.blob);
      await Promise.all(blobs.map((blob) => bodies.remove(blob)));
      swept += await database.run(
        'DELETE FROM postroad_queue_blobs WHERE blob = ANY ($1::text[]) AND is_doomed',
        [blobs],
      );
    }
    if (rows.length < rowsMax) return swept;
  }
}

async function doom(database: Postgres, graceMs: number): Promise<void> {
  const isAlone = 'NOT EXISTS (SELECT FROM postroad_queue_messages m WHERE m.id = b.message_id)';
  await database.transaction(async (connection) => {
    const rows = await connection.query<{ blob: string }>(
      `SELECT blob FROM postroad_queue_blobs b
       WHERE kept_at < now() - make_interval(secs => $1) AND NOT is_doomed AND ${isAlone}
       LIMIT $2 FOR UPDATE SKIP LOCKED`,
      [graceMs / 1000, rowsMax],
    );
    // Asked again under the lock, by a statement that sees what was committed until now.
    await connection.run(
      `UPDATE postroad_queue_blobs b SET is_doomed = true WHERE blob = ANY ($1::text[]) AND ${isAlone}`,
      [rows.map((row) => row.blob)],
    );
  });
}
