/** A message on its way into the store or out of it. */
import type { Body, BodyWriter, MailboxEntry, MailboxStore, Spool } from '@postroad/core';
import { crlf, type LinePiece } from './lines.js';

/** A message read from elsewhere; who takes it releases the body. */
export interface ArrivingMessage {
  readonly body: Body;
  readonly flags: readonly string[];
  readonly internalDateMs: number;
}

/** A message of the store, to be written elsewhere. */
export interface LeavingMessage {
  readonly entry: MailboxEntry;
  readonly body: Body;
}

/** Writes lines into a body with CRLF line ends, waiting where the disk is slow. */
export class LineWriter {
  readonly #writer: BodyWriter;

  constructor(spool: Spool) {
    this.#writer = spool.writer();
  }

  async line({ bytes, endsLine }: Pick<LinePiece, 'bytes' | 'endsLine'>): Promise<void> {
    let hasRoom = bytes.length === 0 || this.#writer.write(Buffer.from(bytes));
    if (endsLine) hasRoom = this.#writer.write(crlf);
    if (!hasRoom) await this.#writer.drained();
  }

  async finish(): Promise<Body> {
    return await this.#writer.finish();
  }

  abort(): Promise<void> {
    return this.#writer.abort();
  }
}

/** The messages of a mailbox one after another, oldest first; a body is released when the next one is asked for. */
export async function* leavingMessages(
  store: MailboxStore,
  mailboxId: string,
): AsyncGenerator<LeavingMessage> {
  for (const entry of await store.entries(mailboxId)) {
    const body = await store.open(entry.messageId);
    // It was removed meanwhile.
    if (body === undefined) continue;
    try {
      yield { entry, body };
    } finally {
      await body.release();
    }
  }
}
