/** Filing as the contract has it: one message in several places, or several messages in one place. */
import {
  type Filed,
  foldedTexts,
  isMailError,
  type MailboxStore,
  type NewMessage,
  parseStructure,
  prefixedBody,
  requireMailboxName,
} from '@postroad/core';
import { createGroupCommit, isLost } from '@postroad/postgres';
import { BodyMissing, prepareBody } from './bodies.js';
import { type Engine, guarded } from './engine.js';
import { type FiledMessage, fileAll, type MessageToFile } from './filing.js';
import { gramsOfTexts } from './text-grams.js';

type FileAll = NonNullable<MailboxStore['fileAll']>;
type FiledOne = Extract<Filed, { status: 'filed' }>;
/** A message whose body has no place yet. */
type Parsed = Omit<MessageToFile, 'body'>;

/** One of several messages is not taken: none of them is. */
class NotTaken extends Error {
  readonly status: 'quota' | 'missing';
  constructor(status: 'quota' | 'missing') {
    super(status);
    this.status = status;
  }
}

/** Files messages; those that come at once share a transaction. */
export function createFiler(engine: Engine): MailboxStore['file'] {
  interface Waiting extends MessageToFile {
    result: FiledMessage | undefined;
  }
  const commit = createGroupCommit<Waiting>(
    { clock: engine.clock, commitsMax: 2, itemsMax: 128, bytesMax: 8 * 1_048_576 },
    async (items) => {
      const results = await engine.run((work) => fileAll(work, items));
      for (const [at, item] of items.entries()) item.result = results[at];
      tell(engine, results);
    },
    (error) => isMailError(error, 'E_MAILBOX_STORE') && isLost(error.cause),
  );

  return async (message, filings) => {
    for (const { mailbox } of filings) if ('name' in mailbox) requireMailboxName(mailbox.name);
    if (filings.length === 0) return [];
    const one = { ...(await parse(engine, message)), filings };
    return await withBodies(engine, [one], async ([prepared]) => {
      const waiting: Waiting = { ...(prepared as MessageToFile), result: undefined };
      await commit(waiting, message.body.inline?.length ?? 0);
      return (waiting.result as unknown as FiledMessage).filed;
    });
  };
}

/** See `MailboxStore.fileAll`: one transaction of its own. */
export async function fileTogether(
  engine: Engine,
  place: Parameters<FileAll>[0],
  given: Parameters<FileAll>[1],
): ReturnType<FileAll> {
  if ('name' in place.mailbox) requireMailboxName(place.mailbox.name);
  const all: Parsed[] = [];
  for (const { message, flags } of given)
    all.push({ ...(await parse(engine, message)), filings: [{ ...place, flags }] });
  try {
    const results = await withBodies(engine, all, (messages) =>
      engine.run(async (work) => {
        const filed = await fileAll(work, messages);
        for (const one of filed.flatMap((each) => each.filed))
          if (one.status !== 'filed') throw new NotTaken(one.status);
        return filed;
      }),
    );
    tell(engine, results);
    return results.flatMap((one) => one.filed) as readonly FiledOne[];
  } catch (error) {
    if (isMailError(error) && error.cause instanceof NotTaken) return error.cause.status;
    throw error;
  }
}

async function parse(engine: Engine, message: NewMessage): Promise<Omit<Parsed, 'filings'>> {
  const parsed = await parseStructure(message.prefix, message.body);
  const prefix = Buffer.from(message.prefix);
  if (!engine.hasTextIndex) return { message, parsed, prefix, grams: null };
  // What is kept is prefix and body; offsets of the structure count from the prefix.
  const whole = prefix.length === 0 ? message.body : prefixedBody(prefix, message.body);
  return { message, parsed, prefix, grams: await gramsOfTexts(foldedTexts(parsed, whole)) };
}

/** Gives bodies their places; once more when one that was there already was removed before the commit. */
async function withBodies<T>(
  engine: Engine,
  messages: readonly Parsed[],
  file: (messages: readonly MessageToFile[]) => Promise<T>,
): Promise<T> {
  const prepare = async (isNeeded: boolean): Promise<readonly MessageToFile[]> => {
    const prepared: MessageToFile[] = [];
    for (const one of messages) {
      const body = await guarded(() =>
        prepareBody(engine, one.message.body, () => engine.uniqueName(), { isNeeded }),
      );
      prepared.push({ ...one, body });
    }
    return prepared;
  };
  try {
    return await file(await prepare(false));
  } catch (error) {
    if (!isMailError(error) || !(error.cause instanceof BodyMissing)) throw error;
    return await file(await prepare(true));
  }
}

function tell(engine: Engine, results: readonly FiledMessage[]): void {
  const told = new Map<string, string>();
  for (const { lists, accounts } of results) {
    for (const accountId of lists) engine.notices.tell({ accountId });
    for (const [mailboxId, accountId] of accounts) told.set(mailboxId, accountId);
  }
  for (const [mailboxId, accountId] of told) engine.notices.tell({ accountId, mailboxId });
}
