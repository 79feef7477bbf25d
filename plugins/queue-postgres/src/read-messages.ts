/** Reading messages: those that are asked for in one turn of the loop come with one statement. */
import {
  type Bodies,
  type Body,
  bodyFromBytes,
  MailError,
  openStoredBody,
  type QueuedMessage,
} from '@postroad/core';
import type { Postgres } from '@postroad/postgres';
import { openChunks } from './chunked-bodies.js';
import { type ChunkedFacts, messageFacts, messageOf } from './rows.js';

/** Reads one message; `undefined` when it is gone. */
export type MessageReader = (id: string) => Promise<QueuedMessage | undefined>;

/** Most messages of one statement: their bodies are below the inline limit each, and in memory together. */
const messagesMax = 64;

interface Row {
  readonly id: string;
  readonly facts: string;
  readonly body: Buffer | null;
}

interface Asked {
  found(row: Row | undefined): void;
  failed(error: unknown): void;
}

/** A reader over the tables; `bodies` gives what keeps bodies outside of them at the moment. */
export function createMessageReader(database: Postgres, bodies: () => Bodies | undefined): MessageReader {
  let asked = new Map<string, Asked[]>();

  function flush(): void {
    const all = [...asked];
    asked = new Map();
    for (let at = 0; at < all.length; at += messagesMax) void read(all.slice(at, at + messagesMax));
  }

  async function read(batch: readonly (readonly [id: string, asked: readonly Asked[]])[]): Promise<void> {
    try {
      const rows = await database.query<Row>(
        'SELECT id, facts, body FROM postroad_queue_messages WHERE id = ANY ($1::text[]) AND remaining > 0',
        [batch.map(([id]) => id)],
      );
      const byId = new Map(rows.map((row) => [row.id, row]));
      for (const [id, all] of batch) for (const one of all) one.found(byId.get(id));
    } catch (error) {
      for (const [, all] of batch) for (const one of all) one.failed(error);
    }
  }

  return async (id) => {
    const row = await new Promise<Row | undefined>((found, failed) => {
      if (asked.size === 0) queueMicrotask(flush);
      asked.set(id, [...(asked.get(id) ?? []), { found, failed }]);
    });
    if (row === undefined) return undefined;
    const { shared, chunked } = messageFacts(id, row.facts);
    if (chunked?.blob !== undefined)
      return messageOf(shared, await openOutside(bodies(), chunked, chunked.blob));
    if (chunked !== undefined) return messageOf(shared, await openChunks(database, id, chunked));
    if (row.body === null) throw new MailError('E_QUEUE_RECORD', `message ${id} has no body`);
    return messageOf(shared, bodyFromBytes(row.body));
  };
}

async function openOutside(bodies: Bodies | undefined, facts: ChunkedFacts, blob: string): Promise<Body> {
  if (bodies === undefined)
    throw new MailError('E_QUEUE_STORE', 'a body is outside of the database, and no plugin keeps bodies');
  return await openStoredBody(facts, (range) => bodies.read(blob, range));
}
