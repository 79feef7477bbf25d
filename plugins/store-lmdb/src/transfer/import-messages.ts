/** Files messages read from elsewhere, several at once, and leaves out those that are there already. */
import { type MailboxStore, MailError } from '@postroad/core';
import type { Engine } from '../engine.js';
import type { ArrivingMessage } from './transferred-message.js';

/** What an import did. */
export interface ImportResult {
  readonly imported: number;
  /** Messages that the mailbox had already: those of an import that was cut off are not filed twice. */
  readonly known: number;
}

/** Messages under way at once; they share commits. */
const width = 32;

/** Where and how to import. */
export interface ImportOptions {
  readonly accountId: string;
  readonly mailboxName: string;
  /** Told after each message. */
  readonly onProgress?: (done: number) => void;
}

/** Imports all messages; stops at the first that can't be filed and throws why. Those before it stay. */
export async function importMessages(
  engine: Engine,
  store: MailboxStore,
  messages: AsyncIterable<ArrivingMessage>,
  options: ImportOptions,
): Promise<ImportResult> {
  const known = await knownContents(engine, store, options);
  const counts = { imported: 0, known: 0 };
  const underWay = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  for await (const message of messages) {
    const key = contentKey(engine.bodies.key(message.body), message.internalDateMs);
    if (known.has(key)) {
      counts.known++;
      await message.body.release();
    } else {
      known.add(key);
      const task = fileOne(store, message, options)
        .then(() => {
          counts.imported++;
        })
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => underWay.delete(task));
      underWay.add(task);
      if (underWay.size >= width) await Promise.race(underWay);
    }
    if (failure !== undefined) break;
    options.onProgress?.(counts.imported + counts.known);
  }
  await Promise.all(underWay);
  if (failure !== undefined) throw failure.error;
  return counts;
}

async function fileOne(store: MailboxStore, message: ArrivingMessage, options: ImportOptions): Promise<void> {
  const { body, flags, internalDateMs } = message;
  try {
    const filing = { accountId: options.accountId, mailbox: { name: options.mailboxName }, flags };
    const [filed] = await store.file({ prefix: '', body, internalDateMs }, [filing]);
    if (filed?.status !== 'filed') throw new MailError('E_QUOTA', 'the account has no room for the message');
  } finally {
    await body.release();
  }
}

/** The contents of the mailbox, as far as they have no prefix: those are what an import makes. */
async function knownContents(
  engine: Engine,
  store: MailboxStore,
  options: ImportOptions,
): Promise<Set<string>> {
  const mailbox = await store.mailboxByName(options.accountId, options.mailboxName);
  const known = new Set<string>();
  if (mailbox === undefined) return known;
  for (const entry of await store.entries(mailbox.id)) {
    const message = engine.read(() => engine.message(entry.messageId));
    if (message?.prefix.length === 0) known.add(contentKey(message.body, entry.internalDateMs));
  }
  return known;
}

function contentKey(body: string, internalDateMs: number): string {
  // Files keep whole seconds.
  return `${body} ${Math.floor(internalDateMs / 1_000)}`;
}
