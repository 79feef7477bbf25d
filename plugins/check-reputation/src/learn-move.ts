/** What users say of a message by moving it into Junk or out of it. */
import type { MailboxStore, RefiledEvent } from '@postroad/core';
import type { Memory } from './memory.js';
import type { CheckReputationConfig } from './options.js';

/** Messages of one move that are learnt from; whoever moves more tells nothing new. */
const messagesMax = 200;

/** Learns from a move; how many messages taught something. */
export async function learnMove(
  { from, to, messageIds }: RefiledEvent,
  mailboxes: MailboxStore,
  memory: Memory,
  { moveWeight }: CheckReputationConfig,
): Promise<{ readonly kind: 'spam' | 'ham'; readonly messages: number }> {
  const kind = to.specialUse === 'Junk' ? 'spam' : 'ham';
  const isTold =
    kind === 'spam'
      ? from.specialUse !== 'Junk' && from.specialUse !== 'Trash'
      : from.specialUse === 'Junk' && to.specialUse !== 'Trash';
  let messages = 0;
  for (const messageId of isTold ? messageIds.slice(0, messagesMax) : []) {
    const queueId = await queueIdOf(messageId, mailboxes);
    const origin = queueId === undefined ? undefined : await memory.origin(queueId);
    // Told once; whoever changes their mind takes back what was learnt, and tells the other.
    if (queueId === undefined || origin === undefined || origin.moved === kind) continue;
    const weight = origin.moved === undefined ? moveWeight : 2 * moveWeight;
    await memory.keep(queueId, { ...origin, moved: kind });
    await memory.add(origin.identities, kind === 'spam' ? 1 : -1, weight);
    messages++;
  }
  return { kind, messages };
}

/** The id under which a message was received: that of the trace field that this server put in front of it. */
async function queueIdOf(messageId: string, mailboxes: MailboxStore): Promise<string | undefined> {
  const body = await mailboxes.open(messageId);
  if (body === undefined) return undefined;
  try {
    const received = body.header.get('received');
    return /\sid ([\w.-]{1,100})(?:[\s;]|$)/.exec(received ?? '')?.[1];
  } finally {
    await body.release();
  }
}
