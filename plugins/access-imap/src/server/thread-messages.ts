/** THREAD (RFC 5256). */
import type { MailboxEntry, MessageEnvelope, StoredMessage } from '@postroad/core';
import {
  type ThreadCommand,
  type ThreadMessage,
  threadByReferences,
  threadBySubject,
  usesKey,
} from '../protocol/index.js';
import { breathe } from './breathe.js';
import { enableCondstore } from './condstore.js';
import { findMessages } from './find-messages.js';
import { refusalOfOrder } from './message-limit.js';
import { type Outcome, ok } from './outcome.js';
import type { Session } from './session.js';
import { foldedSubject, sentAtMs } from './sort.js';
import type { View } from './view.js';

const batchSize = 64;
const messageIdPattern = /<[^<>\s]{1,998}>/g;
/** Most ancestors of one message that count. */
const referencesMax = 1000;

/** THREAD. */
export async function thread(session: Session, command: ThreadCommand, tag: string): Promise<Outcome> {
  const view = session.selected;
  if (usesKey(command.program, 'mod-seq')) enableCondstore(session);
  const refusal = refusalOfOrder(session, view, command.program);
  if (refusal !== undefined) return refusal;
  const found = await findMessages(session, view, command.program, command.isUid, tag);
  const messages: ThreadMessage[] = [];
  for (let from = 0; from < found.length && !session.wire.isEnded; from += batchSize) {
    messages.push(...(await readBatch(session, view, command, found.slice(from, from + batchSize))));
    await breathe();
  }
  const text = command.algorithm === 'REFERENCES' ? threadByReferences(messages) : threadBySubject(messages);
  session.untagged(text === '' ? 'THREAD' : `THREAD ${text}`);
  return ok('that is all');
}

async function readBatch(
  session: Session,
  view: View,
  command: ThreadCommand,
  batch: readonly number[],
): Promise<ThreadMessage[]> {
  const entries = batch.map((index) => view.entries[index] as MailboxEntry);
  const stored = await session.server.store.messages(entries.map((entry) => entry.messageId));
  const references =
    command.algorithm === 'REFERENCES'
      ? await Promise.all(stored.map((message) => referencesOf(session, message)))
      : [];
  return batch.map((index, at) => {
    const entry = entries[at] as MailboxEntry;
    const envelope = stored[at]?.envelope;
    const { subject, isReply } = foldedSubject(envelope);
    return {
      number: command.isUid ? entry.uid : index + 1,
      messageId: envelope?.messageId?.match(messageIdPattern)?.[0],
      references: references[at] ?? [],
      subject,
      isReply,
      sentAtMs: sentAtMs(entry, envelope),
    };
  });
}

/** Ancestors of messages, kept as long as the store keeps the message: References is not part of the envelope. */
const known = new WeakMap<MessageEnvelope, readonly string[]>();

async function referencesOf(
  session: Session,
  message: StoredMessage | undefined,
): Promise<readonly string[]> {
  if (message === undefined) return [];
  const kept = known.get(message.envelope);
  if (kept !== undefined) return kept;
  const body = await session.server.store.open(message.messageId);
  if (body === undefined) return [];
  try {
    const named = body.header.get('references')?.match(messageIdPattern) ?? [];
    // RFC 5256 section 3: without References, the first id of In-Reply-To.
    const replied = message.envelope.inReplyTo?.match(messageIdPattern)?.slice(0, 1) ?? [];
    const references = (named.length > 0 ? named : replied).slice(-referencesMax);
    known.set(message.envelope, references);
    return references;
  } finally {
    await body.release();
  }
}
