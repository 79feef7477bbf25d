/**
 * Large bodies outside of the database. The row that notes a body as garbage is written before the body, and deleted in
 * the transaction that refers to it. The sweep first dooms such rows in a transaction of its own: from then on nothing can
 * refer to the body any more, and only then is it removed. Names are never used again, so a removal may come late or twice.
 */
import { type Bodies, type Body, type ByteRange, MailError, messageOf } from '@postroad/core';
import type { Postgres } from '@postroad/postgres';

/** What the names of such bodies begin with, in the database and outside. */
export const outsidePrefix = 'mailboxes/';

const rowsMax = 500;
/** Removals on their way at once. */
const removalsMax = 8;

/** Whether a body is outside. */
export function isOutside(blob: string): boolean {
  return blob.startsWith(outsidePrefix);
}

/** Writes a body under its name. */
export async function writeOutside(bodies: Bodies, blob: string, body: Body): Promise<void> {
  try {
    await bodies.write(blob, body);
  } catch (cause) {
    throw new MailError('E_MAILBOX_STORE', `a message body could not be kept: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** Reads a part of a body. */
export async function* readOutside(
  bodies: Bodies | undefined,
  blob: string,
  range: ByteRange,
): AsyncGenerator<Uint8Array> {
  if (bodies === undefined)
    throw new MailError(
      'E_MAILBOX_STORE',
      'a message body is outside of the database, and no plugin keeps bodies',
    );
  try {
    yield* bodies.read(blob, range);
  } catch (cause) {
    throw new MailError('E_MAILBOX_STORE', `a message body could not be read: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** Removes bodies that nobody has referred to for so long; resolves with how many went. Rejects when none can be removed now. */
export async function sweepOutside(database: Postgres, bodies: Bodies, graceMs: number): Promise<number> {
  let swept = 0;
  for (;;) {
    await doom(database, graceMs);
    const rows = await database.query<{ blob: string }>(
      'SELECT blob FROM postroad_store_garbage WHERE is_doomed ORDER BY since LIMIT $1',
      [rowsMax],
    );
    for (let at = 0; at < rows.length; at += removalsMax) {
      const blobs = rows.slice(at, at + removalsMax).map((row) => row.blob);
      await Promise.all(blobs.map((blob) => bodies.remove(blob)));
      swept += await database.run(
        'DELETE FROM postroad_store_garbage WHERE blob = ANY ($1::text[]) AND is_doomed',
        [blobs],
      );
    }
    if (rows.length < rowsMax) return swept;
  }
}

/** Says of bodies that nobody will ever refer to them. Who is just about to holds their rows: those are passed over. */
async function doom(database: Postgres, graceMs: number): Promise<void> {
  await database.transaction(async (connection) => {
    const rows = await connection.query<{ blob: string }>(
      `SELECT blob FROM postroad_store_garbage
       WHERE since < now() - make_interval(secs => $1) AND NOT is_doomed AND starts_with(blob, $2)
       LIMIT $3 FOR UPDATE SKIP LOCKED`,
      [graceMs / 1000, outsidePrefix, rowsMax],
    );
    // Asked again under the lock, by a statement that sees what was committed until now.
    await connection.run(
      `UPDATE postroad_store_garbage g SET is_doomed = true WHERE blob = ANY ($1::text[])
         AND NOT EXISTS (SELECT FROM postroad_store_bodies b WHERE b.blob = g.blob)`,
      [rows.map((row) => row.blob)],
    );
  });
}
