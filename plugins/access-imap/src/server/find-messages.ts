/** Running a search program over the selected mailbox, cheapest knowledge first. */
import type { Body, StoredMessage } from '@postroad/core';
import { type SearchKey, writeString } from '../protocol/index.js';
import { foldText } from './fold.js';
import { type Candidate, matchMessage, type SearchContext } from './match-message.js';
import { containsText, headerText } from './scan-text.js';
import type { Session } from './session.js';
import type { View } from './view.js';

/** Messages whose structures are read at once. */
const batchSize = 512;
/** RFC 9585 section 4: not more often than every ten seconds. */
const progressMs = 10_000;

/**
 * Indexes of the messages that fit, ascending. `isUid` leaves out messages that are gone without the client knowing;
 * a client that counts by sequence numbers still has them.
 */
export async function findMessages(
  session: Session,
  view: View,
  program: SearchKey,
  isUid: boolean,
  tag: string,
): Promise<number[]> {
  const context: SearchContext = {
    nowMs: session.server.clock.now(),
    count: view.count,
    lastUid: view.lastUid,
    saved: new Set(session.savedResult),
  };
  const found: number[] = [];
  const open: Candidate[] = [];
  const { entries } = view;
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index] as Candidate['entry'];
    const isGhost = view.hasPendingExpunges && view.isGhost(entry.uid);
    if (isGhost && isUid) continue;
    const candidate = { entry, number: index + 1 };
    const fits = matchMessage(program, candidate, context);
    if (fits === true) found.push(index);
    else if (fits === undefined && !isGhost) open.push(candidate);
  }
  if (open.length === 0) return found;
  const progress = progressTeller(session, tag, entries.length);
  for (let from = 0; from < open.length && !session.wire.isEnded; from += batchSize) {
    await matchBatch(session, program, context, open.slice(from, from + batchSize), found, progress);
  }
  return found.sort((a, b) => a - b);
}

/** Tells how far a long search is (RFC 9585), so that the client sees that it goes on. */
function progressTeller(session: Session, tag: string, total: number): (done: number) => void {
  const { clock } = session.server;
  let toldMs = clock.monotonic();
  return (done) => {
    if (clock.monotonic() - toldMs < progressMs) return;
    toldMs = clock.monotonic();
    session.untagged(`OK [INPROGRESS (${writeString(tag, session.strings)} ${done} ${total})] searching`);
    session.wire.output.flush();
  };
}

async function matchBatch(
  session: Session,
  program: SearchKey,
  context: SearchContext,
  batch: readonly Candidate[],
  found: number[],
  progress: (done: number) => void,
): Promise<void> {
  const messages = await session.server.store.messages(batch.map(({ entry }) => entry.messageId));
  for (let at = 0; at < batch.length; at++) {
    const message = messages[at];
    // Expunged by another connection meanwhile: it can't be told to fit.
    if (message === undefined) continue;
    const candidate: Candidate = { ...(batch[at] as Candidate), message };
    let fits = matchMessage(program, candidate, context);
    fits ??= await matchContent(session, program, context, candidate, message);
    progress(candidate.number);
    if (fits) found.push(candidate.number - 1);
    if (session.wire.isEnded) return;
  }
}

/** Opens the message and answers one key after the other, until the program is decided. */
async function matchContent(
  session: Session,
  program: SearchKey,
  context: SearchContext,
  candidate: Candidate,
  message: StoredMessage,
): Promise<boolean> {
  const body = await session.server.store.open(message.messageId);
  if (body === undefined) return false;
  const content = new Map<SearchKey, boolean>();
  try {
    for (const key of contentKeys(program)) {
      content.set(key, await answer(key, message, body));
      const fits = matchMessage(program, { ...candidate, content }, context);
      if (fits !== undefined) return fits;
    }
    return false;
  } finally {
    await body.release();
  }
}

type ContentKey = Extract<SearchKey, { readonly key: 'header' | 'body' | 'text' }>;

function contentKeys(program: SearchKey): ContentKey[] {
  switch (program.key) {
    case 'and':
      return program.keys.flatMap(contentKeys);
    case 'or':
      return [...contentKeys(program.left), ...contentKeys(program.right)];
    case 'not':
      return contentKeys(program.of);
    case 'header':
    case 'body':
    case 'text':
      return [program];
    default:
      return [];
  }
}

async function answer(key: ContentKey, message: StoredMessage, body: Body): Promise<boolean> {
  const folded = foldText(key.text);
  if (key.key !== 'header') return folded === '' || containsText(message, body, folded, key.key === 'text');
  const { headerStart, bodyStart } = message.structure;
  const lines = (await headerText(body, { start: headerStart, end: bodyStart })).split('\n');
  return lines.some((line) => {
    const colon = line.indexOf(':');
    if (colon < 0 || line.slice(0, colon).trim().toLowerCase() !== key.field) return false;
    return folded === '' || foldText(line.slice(colon + 1)).includes(folded);
  });
}
