/** Several messages in one place in one commit (RFC 3502: all or none). */
import {
  type Filed,
  type MailboxStore,
  type ParsedMessage,
  parseStructure,
  requireMailboxName,
} from '@postroad/core';
import type { Engine } from './engine.js';
import { fileMessage } from './file-message.js';
import type { PreparedBody } from './message-changes.js';

type FileAll = NonNullable<MailboxStore['fileAll']>;
type Given = Parameters<FileAll>[1];
type FiledOne = Extract<Filed, { status: 'filed' }>;

/** Most messages prepared at once. */
const prepareAtOnce = 16;

/** See `MailboxStore.fileAll`. Body files of what is not stored are removed. */
export async function fileAll(
  engine: Engine,
  place: Parameters<FileAll>[0],
  messages: Given,
): Promise<Awaited<ReturnType<FileAll>>> {
  if ('name' in place.mailbox) requireMailboxName(place.mailbox.name);
  const filed = await fileAllOnce(engine, place, messages, false);
  // A message with the same body as one of them was removed between the look and the commit.
  return filed ?? (await fileAllOnce(engine, place, messages, true));
}

async function fileAllOnce(
  engine: Engine,
  place: Parameters<FileAll>[0],
  messages: Given,
  isNeeded: boolean,
): Promise<Awaited<ReturnType<FileAll>>> {
  const bodies: PreparedBody[] = [];
  const giveUp = () => {
    for (const { file } of bodies) if (file !== undefined) engine.files.remove(file);
  };
  try {
    for (let at = 0; at < messages.length; at += prepareAtOnce) {
      const some = messages.slice(at, at + prepareAtOnce);
      const prepared = await Promise.allSettled(
        some.map(({ message }) => engine.bodies.prepare(message, { isNeeded })),
      );
      for (const one of prepared) if (one.status === 'fulfilled') bodies.push(one.value);
      for (const one of prepared) if (one.status === 'rejected') throw one.reason;
    }
    const parsed: ParsedMessage[] = [];
    for (const { message } of messages) parsed.push(await parseStructure(message.prefix, message.body));
    const outcome = await engine.run((change) => {
      const all: FiledOne[] = [];
      for (const [at, { message, flags }] of messages.entries()) {
        const [structure, body] = [parsed[at], bodies[at]];
        if (structure === undefined || body === undefined) return change.cancel();
        const filed = fileMessage(change, message, structure, [{ ...place, flags }], body)?.[0];
        if (filed === undefined) return undefined;
        if (filed.status !== 'filed') {
          change.cancel();
          return filed.status;
        }
        all.push(filed);
      }
      return all;
    });
    if (!Array.isArray(outcome)) giveUp();
    return outcome;
  } catch (error) {
    giveUp();
    throw error;
  }
}
