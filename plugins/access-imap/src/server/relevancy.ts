/** How relevant messages are to a fuzzy search (RFC 6203 section 4). */
import type { MailboxEntry, StoredMessage } from '@postroad/core';
import type { SearchKey } from '../protocol/index.js';
import { breathe } from './breathe.js';
import { contentScore, textKeys } from './match-content.js';
import { envelopeScore, foldProgram, type TextKey } from './match-message.js';
import type { Session } from './session.js';
import type { View } from './view.js';

const batchSize = 64;

/** Relevancies from 1 to 100 by index in the view, for messages that a search has found. */
export async function relevanciesOf(
  session: Session,
  view: View,
  program: SearchKey,
  indexes: readonly number[],
): Promise<ReadonlyMap<number, number>> {
  const keys = textKeys(foldProgram(program)).filter((key) => key.fuzzy !== undefined);
  const found = new Map<number, number>();
  for (let from = 0; from < indexes.length && !session.wire.isEnded; from += batchSize) {
    const batch = indexes.slice(from, from + batchSize);
    const ids = batch.map((index) => (view.entries[index] as MailboxEntry).messageId);
    const messages = await session.server.store.messages(ids);
    for (let at = 0; at < batch.length; at++) {
      const message = messages[at];
      const score = message === undefined ? 0 : await scoreOf(session, keys, message);
      found.set(batch[at] as number, Math.max(1, Math.round(score * 100)));
    }
    await breathe();
  }
  return found;
}

/** The mean over all fuzzy conditions; without any on texts everything that was found fits wholly. */
async function scoreOf(session: Session, keys: readonly TextKey[], message: StoredMessage): Promise<number> {
  if (keys.length === 0) return 1;
  const known = keys.map((key) => envelopeScore(key, message));
  let sum = known.reduce<number>((total, score) => total + (score ?? 0), 0);
  if (known.includes(undefined)) {
    const body = await session.server.store.open(message.messageId);
    if (body === undefined) return 0;
    try {
      for (const [at, key] of keys.entries()) {
        if (known[at] !== undefined || key.fuzzy === undefined) continue;
        sum += await contentScore(key, key.fuzzy, message, body);
      }
    } finally {
      await body.release();
    }
  }
  return sum / keys.length;
}
