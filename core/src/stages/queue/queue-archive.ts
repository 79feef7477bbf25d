/**
 * Messages of the queue in a file, to be taken to another server: lines of JSON. The first line names the format; each
 * message is a line with its facts and recipients, then lines with its octets in base64, then a line that ends it.
 * What is being delivered at the moment is left out: it is this server's until its try has ended. So is what an operator
 * has told this server to return.
 */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Body } from '../../body/body.js';
import { MailError, messageOf } from '../../errors.js';
import type { ExportedQueue, ImportedQueue } from '../../services/queue.js';
import type {
  NewQueuedRecipient,
  QueuedMessage,
  QueuedRecipient,
  QueueFilter,
  QueueStore,
} from '../../services/queue-store.js';
import type { Spool } from '../../services/spool.js';

const format = { postroadQueue: 1 };
const pageSize = 500;
/** Octets on one line: divisible by three, so that no padding stands in the middle. */
const lineOctets = 48 * 1024;

type Facts = Omit<QueuedMessage, 'body'>;

/** Writes the messages of a filter to a file that is not there yet; rejects with `E_QUEUE_ARCHIVE`. */
export async function exportQueue(
  store: QueueStore,
  filter: QueueFilter,
  file: string,
): Promise<ExportedQueue> {
  const counts = { messages: 0, recipients: 0, skipped: 0 };
  try {
    const handle = await open(file, 'wx', 0o600);
    try {
      const write = async (line: unknown): Promise<void> => {
        await handle.write(`${JSON.stringify(line)}\n`);
      };
      await write(format);
      for await (const group of messagesOf(store, filter)) {
        const free = group.filter((one) => one.state !== 'leased' && one.bounceReason === undefined);
        counts.skipped += group.length - free.length;
        const message = free.length === 0 ? undefined : await store.message(free[0]?.messageId as string);
        if (message === undefined) continue;
        await writeMessage(message, free, write);
        counts.messages++;
        counts.recipients += free.length;
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw archiveError(`the queue could not be exported to ${file}`, cause);
  }
  return counts;
}

/** Puts the messages of a file in; those whose ids are known are left out. Rejects with `E_QUEUE_ARCHIVE`. */
export async function importQueue(store: QueueStore, spool: Spool, file: string): Promise<ImportedQueue> {
  const counts = { messages: 0, recipients: 0, known: 0 };
  try {
    const lines = createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY });
    const parsed = parseLines(lines);
    const first = await parsed.next();
    if (first.done === true || first.value.postroadQueue !== format.postroadQueue)
      throw new Error('it is no export of a queue');
    for (let next = await parsed.next(); next.done !== true; next = await parsed.next()) {
      const { message, recipients } = next.value as { message?: Facts; recipients?: NewQueuedRecipient[] };
      if (message === undefined || !Array.isArray(recipients)) throw new Error('a message has no beginning');
      const body = await spool.store(octetsOf(parsed));
      try {
        if ((await store.message(message.id)) !== undefined) {
          counts.known++;
          continue;
        }
        await store.put({ ...message, body, recipients });
      } finally {
        await body.release();
      }
      counts.messages++;
      counts.recipients += recipients.length;
    }
  } catch (cause) {
    throw archiveError(
      `the queue could not be imported from ${file} after ${counts.messages} messages`,
      cause,
    );
  }
  return counts;
}

/** The recipients of a filter, message by message: lists are in the order of messages. */
async function* messagesOf(store: QueueStore, filter: QueueFilter): AsyncGenerator<QueuedRecipient[]> {
  let group: QueuedRecipient[] = [];
  let after: string | undefined;
  do {
    const page = await store.range(
      filter,
      after === undefined ? { limit: pageSize } : { limit: pageSize, after },
    );
    for (const recipient of page.recipients) {
      if (group.length > 0 && group[0]?.messageId !== recipient.messageId) {
        yield group;
        group = [];
      }
      group.push(recipient);
    }
    after = page.next;
  } while (after !== undefined);
  if (group.length > 0) yield group;
}

async function writeMessage(
  { body, ...message }: QueuedMessage,
  recipients: readonly QueuedRecipient[],
  write: (line: unknown) => Promise<void>,
): Promise<void> {
  await write({ message, recipients: recipients.map(freshRecipient) });
  for await (const line of linesOf(body)) await write({ octets: line });
  await write({ end: message.id });
}

/** What a recipient begins with at the other server: what was tried counts, what it waits for stays. */
function freshRecipient(one: QueuedRecipient): NewQueuedRecipient {
  return {
    address: one.address,
    ...(one.notify === undefined ? {} : { notify: one.notify }),
    ...(one.orcpt === undefined ? {} : { orcpt: one.orcpt }),
    ...(one.redirect === undefined ? {} : { redirect: one.redirect }),
    site: 'new',
    ...(one.attempts === 0 ? {} : { attempts: one.attempts }),
    ...(one.isDelayTold ? { isDelayTold: true } : {}),
    ...(one.state === 'waiting' ? { dueAtMs: one.dueAtMs } : {}),
    ...(one.state === 'held' ? { holdReason: one.holdReason ?? 'held' } : {}),
  };
}

async function* linesOf(body: Body): AsyncGenerator<string> {
  for await (const chunk of body.open()) {
    for (let at = 0; at < chunk.length; at += lineOctets) {
      yield Buffer.from(chunk.subarray(at, at + lineOctets)).toString('base64');
    }
  }
}

async function* parseLines(lines: AsyncIterable<string>): AsyncGenerator<Readonly<Record<string, unknown>>> {
  for await (const line of lines) {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null) throw new Error('a line is no object');
    yield value as Readonly<Record<string, unknown>>;
  }
}

/** The octets up to the line that ends the message; a file that ends before it is cut off. */
async function* octetsOf(
  lines: AsyncGenerator<Readonly<Record<string, unknown>>>,
): AsyncGenerator<Uint8Array> {
  for (let next = await lines.next(); next.done !== true; next = await lines.next()) {
    const { octets, end } = next.value;
    if (typeof end === 'string') return;
    if (typeof octets !== 'string') throw new Error('a message has a line that does not belong to it');
    yield Buffer.from(octets, 'base64');
  }
  throw new Error('the last message is cut off');
}

function archiveError(text: string, cause: unknown): MailError {
  return new MailError('E_QUEUE_ARCHIVE', `${text}: ${messageOf(cause)}`, { cause });
}
