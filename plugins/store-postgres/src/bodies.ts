/**
 * Bodies: each once, under its digest, however many messages have it. Small ones are in their row. Large ones are parts
 * under a name of their own, or outside of the database, written before anybody refers to them, and removed a while after
 * the last reference, so that who is still reading them can go on.
 */
import {
  type Bodies,
  type Body,
  type ByteRange,
  bodyFromBytes,
  cutInto,
  MailError,
  openStoredBody,
} from '@postroad/core';
import { type Connection, createParameters, type Postgres, tableOf } from '@postroad/postgres';
import { isOutside, outsidePrefix, readOutside, writeOutside } from './outside-bodies.js';

const partBytes = 1_048_576;

/** Where bodies are. */
export interface BodyPlaces {
  readonly database: Postgres;
  /** What keeps large ones outside of the database, at the moment. */
  readonly bodies?: (() => Bodies | undefined) | undefined;
}

/** A body that can be referred to: its octets are in the database, or go there with the reference. */
export interface PreparedBody {
  readonly body: Body;
  /** The name of its parts; absent for a small one, and for a large one that seems to be there already. */
  readonly blob?: string;
}

/** Somebody removed the body between the look and the reference: its parts are needed after all. */
export class BodyMissing extends Error {}

/** Writes the parts of a large body, unless it is there already. */
export async function prepareBody(
  { database, bodies: current }: BodyPlaces,
  body: Body,
  name: () => string,
  options: { readonly isNeeded: boolean },
): Promise<PreparedBody> {
  if (body.inline !== undefined) return { body };
  if (!options.isNeeded) {
    const known = await database.query('SELECT 1 FROM postroad_store_bodies WHERE digest = $1', [
      body.sha256,
    ]);
    if (known.length > 0) return { body };
  }
  const bodies = current?.();
  // The digest tells who looks into the bucket what it is; the rest of the name makes it one that never was.
  const blob = bodies === undefined ? name() : `${outsidePrefix}${body.sha256}/${name()}`;
  // Until somebody refers to it, it is something to be swept away.
  await database.run('INSERT INTO postroad_store_garbage (blob) VALUES ($1)', [blob]);
  if (bodies === undefined) await writeParts(database, blob, body);
  else await writeOutside(bodies, blob, body);
  return { body, blob };
}

async function writeParts(database: Postgres, blob: string, body: Body): Promise<void> {
  let part = 0;
  for await (const octets of cutInto(body.open(), partBytes)) {
    await database.run('INSERT INTO postroad_store_parts (blob, part, octets) VALUES ($1, $2, $3)', [
      blob,
      part++,
      octets,
    ]);
  }
}

/** Refers to bodies so many times. Throws `BodyMissing` when one is not there and has no octets with it. */
export async function holdBodies(
  connection: Connection,
  held: readonly { readonly prepared: PreparedBody; readonly holders: number }[],
): Promise<void> {
  if (held.length === 0) return;
  const octets: Uint8Array[] = [];
  let start = 1;
  const rows = [...byDigest(held)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([digest, { prepared, holders }]) => {
      const { inline } = prepared.body;
      const at = start;
      if (inline !== undefined) {
        octets.push(inline);
        start += inline.length;
      }
      return { digest, prepared, holders, start: at, length: inline?.length ?? null };
    });
  const parameters = createParameters();
  const all = parameters.add(Buffer.concat(octets), 'bytea');
  const table = tableOf(parameters, 'n', rows, [
    ['digest', 'text', (row) => row.digest],
    ['holders', 'bigint', (row) => row.holders],
    ['size_bytes', 'bigint', (row) => row.prepared.body.sizeBytes],
    ['has_8bit', 'boolean', (row) => row.prepared.body.has8bit],
    ['header_bytes', 'bigint', (row) => row.prepared.body.headerSizeBytes],
    ['start', 'int', (row) => row.start],
    ['length', 'int', (row) => row.length],
    ['blob', 'text', (row) => row.prepared.blob ?? null],
  ]);
  const kept = await connection.query<{ digest: string; blob: string | null; is_whole: boolean }>(
    `INSERT INTO postroad_store_bodies AS b (digest, holders, size_bytes, has_8bit, header_bytes, octets, blob)
     SELECT n.digest, n.holders, n.size_bytes, n.has_8bit, n.header_bytes,
       CASE WHEN n.length IS NULL THEN NULL ELSE substring(${all} FROM n.start FOR n.length) END, n.blob
     FROM ${table} ORDER BY n.digest
     ON CONFLICT (digest) DO UPDATE SET holders = b.holders + EXCLUDED.holders
     RETURNING digest, blob, (octets IS NOT NULL OR blob IS NOT NULL) AS is_whole`,
    parameters.values,
  );
  if (kept.some((row) => !row.is_whole)) throw new BodyMissing();
  // What is referred to is no garbage; what another had brought meanwhile stays garbage.
  const ours = new Set(rows.flatMap(({ prepared }) => prepared.blob ?? []));
  const brought = kept.flatMap((row) => (row.blob !== null && ours.has(row.blob) ? [row.blob] : []));
  if (brought.length === 0) return;
  const taken = await connection.run(
    'DELETE FROM postroad_store_garbage WHERE blob = ANY ($1::text[]) AND NOT is_doomed',
    [brought],
  );
  // It took so long that the sweep has removed the parts.
  if (taken < brought.length) throw new BodyMissing();
}

function byDigest(
  held: readonly { readonly prepared: PreparedBody; readonly holders: number }[],
): Map<string, { prepared: PreparedBody; holders: number }> {
  const rows = new Map<string, { prepared: PreparedBody; holders: number }>();
  for (const { prepared, holders } of held) {
    const known = rows.get(prepared.body.sha256);
    if (known === undefined) rows.set(prepared.body.sha256, { prepared, holders });
    else {
      known.holders += holders;
      // One of them may have brought the parts.
      if (prepared.blob !== undefined && known.prepared.blob === undefined) known.prepared = prepared;
    }
  }
  return rows;
}

/** Lets go of bodies so many times; those that nobody refers to are removed. */
export async function letGoBodies(
  connection: Connection,
  digests: ReadonlyMap<string, number>,
): Promise<void> {
  if (digests.size === 0) return;
  const parameters = createParameters();
  const table = tableOf(
    parameters,
    'n',
    [...digests].sort(([a], [b]) => (a < b ? -1 : 1)),
    [
      ['digest', 'text', ([digest]) => digest],
      ['holders', 'bigint', ([, holders]) => holders],
    ],
  );
  await connection.run(
    `SELECT 1 FROM postroad_store_bodies WHERE digest = ANY ($1::text[]) ORDER BY digest FOR UPDATE`,
    [[...digests.keys()]],
  );
  await connection.run(
    `UPDATE postroad_store_bodies b SET holders = b.holders - n.holders FROM ${table} WHERE b.digest = n.digest`,
    parameters.values,
  );
  await connection.run(
    `WITH gone AS (
       DELETE FROM postroad_store_bodies WHERE digest = ANY ($1::text[]) AND holders <= 0 RETURNING blob
     ) INSERT INTO postroad_store_garbage (blob) SELECT blob FROM gone WHERE blob IS NOT NULL`,
    [[...digests.keys()]],
  );
}

/** A body as its row. */
export interface BodyRow {
  readonly digest: string;
  readonly size_bytes: number;
  readonly has_8bit: boolean;
  readonly header_bytes: number;
  readonly octets: Buffer | null;
  readonly blob: string | null;
}

/** The body of a row. Parts outlive their last reference by longer than anybody reads. */
export async function openBody({ database, bodies }: BodyPlaces, row: BodyRow): Promise<Body> {
  if (row.octets !== null) return bodyFromBytes(row.octets);
  const blob = row.blob ?? '';
  const facts = {
    sha256: row.digest,
    sizeBytes: row.size_bytes,
    has8bit: row.has_8bit,
    headerSizeBytes: row.header_bytes,
  };
  return await openStoredBody(
    facts,
    isOutside(blob)
      ? (range) => readOutside(bodies?.(), blob, range)
      : (range) => readParts(database, blob, range),
  );
}

async function* readParts(database: Postgres, blob: string, range: ByteRange): AsyncGenerator<Uint8Array> {
  for (let at = range.start; at < range.end; ) {
    const part = Math.floor(at / partBytes);
    const octets = await readPart(database, blob, part);
    const from = part * partBytes;
    const piece = octets.subarray(at - from, Math.min(range.end - from, octets.length));
    if (piece.length === 0) throw new MailError('E_MAILBOX_STORE', 'a message body is cut off');
    yield piece;
    at += piece.length;
  }
}

async function readPart(database: Postgres, blob: string, part: number): Promise<Buffer> {
  let rows: readonly { octets: Buffer }[];
  try {
    rows = await database.query<{ octets: Buffer }>(
      'SELECT octets FROM postroad_store_parts WHERE blob = $1 AND part = $2',
      [blob, part],
    );
  } catch (cause) {
    throw new MailError('E_MAILBOX_STORE', 'a message body could not be read', { cause });
  }
  if (rows[0] === undefined) throw new MailError('E_MAILBOX_STORE', 'a message body lacks a part');
  return rows[0].octets;
}

/** Removes parts that nobody has referred to for so long; resolves with how many bodies went. */
export async function sweepParts(database: Postgres, graceMs: number): Promise<number> {
  return await database.transaction(async (connection) => {
    const rows = await connection.query<{ blob: string }>(
      `DELETE FROM postroad_store_garbage g WHERE blob IN (
         SELECT blob FROM postroad_store_garbage
         WHERE since < now() - make_interval(secs => $1) AND NOT starts_with(blob, '${outsidePrefix}')
         LIMIT 1000 FOR UPDATE SKIP LOCKED
       ) AND NOT EXISTS (SELECT FROM postroad_store_bodies b WHERE b.blob = g.blob) RETURNING blob`,
      [graceMs / 1000],
    );
    await connection.run('DELETE FROM postroad_store_parts WHERE blob = ANY ($1::text[])', [
      rows.map((row) => row.blob),
    ]);
    return rows.length;
  });
}
