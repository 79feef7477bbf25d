/** Bodies that are too large for memory: rows of a size that a statement carries with ease, read as they are asked for. */
import { type Body, type ByteRange, cutInto, MailError, parseHeader } from '@postroad/core';
import type { Postgres } from '@postroad/postgres';
import type { ChunkedFacts } from './rows.js';

const chunkBytes = 1_048_576;

/** Writes the body before its message: what is left of it without one is swept away later. */
export async function writeChunks(database: Postgres, messageId: string, body: Body): Promise<void> {
  let part = 0;
  // A part is a copy: the stream's views belong to whoever reads the file.
  for await (const octets of cutInto(body.open(), chunkBytes)) {
    await database.run('INSERT INTO postroad_queue_chunks (message_id, part, octets) VALUES ($1, $2, $3)', [
      messageId,
      part++,
      octets,
    ]);
  }
}

/** The body of a message in chunks; its header section is read at once. */
export async function openChunks(database: Postgres, messageId: string, facts: ChunkedFacts): Promise<Body> {
  const pieces: Uint8Array[] = [];
  const header = { start: 0, end: facts.headerSizeBytes };
  for await (const piece of readChunks(database, messageId, header)) pieces.push(piece);
  const headerBytes = Buffer.concat(pieces);
  let parsed: Body['header'] | undefined;
  return {
    ...facts,
    headerBytes,
    get header() {
      parsed ??= parseHeader(headerBytes);
      return parsed;
    },
    inline: undefined,
    file: undefined,
    open: (range) => readChunks(database, messageId, range ?? { start: 0, end: facts.sizeBytes }),
    // The rows go with the message.
    retain() {},
    async release() {},
  };
}

async function* readChunks(
  database: Postgres,
  messageId: string,
  range: ByteRange,
): AsyncGenerator<Uint8Array> {
  for (let at = range.start; at < range.end; ) {
    const part = Math.floor(at / chunkBytes);
    const octets = await readChunk(database, messageId, part);
    const from = part * chunkBytes;
    const piece = octets.subarray(at - from, Math.min(range.end - from, octets.length));
    if (piece.length === 0) throw new MailError('E_QUEUE_RECORD', `message ${messageId} is cut off`);
    yield piece;
    at += piece.length;
  }
}

async function readChunk(database: Postgres, messageId: string, part: number): Promise<Buffer> {
  let rows: readonly { octets: Buffer }[];
  try {
    rows = await database.query<{ octets: Buffer }>(
      'SELECT octets FROM postroad_queue_chunks WHERE message_id = $1 AND part = $2',
      [messageId, part],
    );
  } catch (cause) {
    throw new MailError('E_QUEUE_STORE', 'a message body could not be read', { cause });
  }
  if (rows[0] === undefined) throw new MailError('E_QUEUE_RECORD', `message ${messageId} lacks a part`);
  return rows[0].octets;
}
