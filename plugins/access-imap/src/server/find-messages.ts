/** Running a search program over the selected mailbox, cheapest knowledge first. */
import type { MailboxEntry, StoredMessage } from '@postroad/core';
import { type SearchKey, writeString } from '../protocol/index.js';
import { breathe } from './breathe.js';
import { matchesContent, textKeys } from './match-content.js';
import {
  type Candidate,
  foldProgram,
  isEnvelopeField,
  matchMessage,
  type SearchContext,
  type TextKey,
} from './match-message.js';
import type { Session } from './session.js';
import type { View } from './view.js';

/** Messages whose structures are read at once. */
const batchSize = 512;
/** Entries looked at before other connections get their turn. */
const breathEvery = 8192;
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
  scope: SearchScope = {},
): Promise<number[]> {
  const search: Search = {
    session,
    view,
    program: foldProgram(program),
    context: {
      nowMs: session.server.clock.now(),
      count: view.count,
      lastUid: view.lastUid,
      saved: new Set(scope.saved ?? session.savedResult),
      recent: view.recent,
    },
    progress: progressTeller(session, tag, view.count),
    mayContain: new Map(),
  };
  const found: number[] = [];
  const open = await matchEntries(search, isUid, found, scope.among);
  if (open.length === 0) return found;
  const isOnlyOpen = found.length === 0;
  const left = await askIndex(search, open);
  for (let from = 0; from < left.length && !session.wire.isEnded; from += batchSize) {
    await matchBatch(search, left.slice(from, from + batchSize), found);
    await breathe();
  }
  return isOnlyOpen ? found : found.sort((a, b) => a - b);
}

/** What a search may be narrowed to. */
export interface SearchScope {
  /** Indexes of the only messages to look at, ascending. */
  readonly among?: readonly number[];
  /** What `$` means, when it is not what it means now. */
  readonly saved?: readonly number[];
}

/** One search under way. */
interface Search {
  readonly session: Session;
  readonly view: View;
  readonly program: SearchKey;
  readonly context: SearchContext;
  readonly progress: (done: number) => void;
  /** For each text what the store's index says of messages, where there is one. */
  readonly mayContain: Map<string, (messageId: string) => boolean>;
}

/**
 * Asks the store's index of texts. Most messages are ruled out by it alone: only the others are returned, and have
 * their structure read and their content opened.
 */
async function askIndex(search: Search, open: readonly number[]): Promise<readonly number[]> {
  const { session, view, program, mayContain } = search;
  const keys = textKeys(program);
  for (const { text, fuzzy } of keys) {
    // The index knows texts as they are, not what is nearly the same.
    if (text === '' || fuzzy !== undefined || mayContain.has(text)) continue;
    const told = await session.server.store.textCandidates?.(view.mailboxId, text);
    if (told !== undefined) mayContain.set(text, told);
  }
  if (mayContain.size === 0) return open;
  const left: number[] = [];
  for (const [at, index] of open.entries()) {
    if (at % breathEvery === breathEvery - 1) await breathe();
    if (!isRuledOut(search, keys, index)) left.push(index);
  }
  return left;
}

/** Whether a message can not fit, whatever its structure and content are. */
function isRuledOut({ view, program, context, mayContain }: Search, keys: readonly TextKey[], index: number) {
  const entry = view.entries[index] as MailboxEntry;
  const content = new Map<SearchKey, boolean>();
  for (const key of keys) {
    // The texts of the envelope are put together from the header, and need not stand in it as they are.
    if (key.fuzzy !== undefined || (key.key === 'header' && isEnvelopeField(key.field))) continue;
    if (mayContain.get(key.text)?.(entry.messageId) === false) content.set(key, false);
  }
  if (content.size === 0) return false;
  return matchMessage(program, { entry, number: index + 1, message: undefined, content }, context) === false;
}

/** Decides what the entries alone can decide; returns the indexes of the others. */
async function matchEntries(
  { view, program, context }: Search,
  isUid: boolean,
  found: number[],
  among: readonly number[] | undefined,
): Promise<number[]> {
  const open: number[] = [];
  const { entries } = view;
  const candidate: Candidate = {
    entry: entries[0] as MailboxEntry,
    number: 0,
    message: undefined,
    content: undefined,
  };
  const count = among?.length ?? entries.length;
  for (let at = 0; at < count; at++) {
    if (at % breathEvery === breathEvery - 1) await breathe();
    const index = among?.[at] ?? at;
    const entry = entries[index] as MailboxEntry;
    const isGhost = view.hasPendingExpunges && view.isGhost(entry.uid);
    if (isGhost && isUid) continue;
    candidate.entry = entry;
    candidate.number = index + 1;
    const fits = matchMessage(program, candidate, context);
    if (fits === true) found.push(index);
    else if (fits === undefined && !isGhost) open.push(index);
  }
  return open;
}

async function matchBatch(search: Search, batch: readonly number[], found: number[]): Promise<void> {
  const { session, view, program, context } = search;
  const entries = batch.map((index) => view.entries[index] as MailboxEntry);
  const messages = await session.server.store.messages(entries.map((entry) => entry.messageId));
  const candidate: Candidate = {
    entry: entries[0] as MailboxEntry,
    number: 0,
    message: undefined,
    content: undefined,
  };
  for (let at = 0; at < batch.length; at++) {
    const message = messages[at];
    // Expunged by another connection meanwhile: it can't be told to fit.
    if (message === undefined) continue;
    candidate.entry = entries[at] as MailboxEntry;
    candidate.number = (batch[at] as number) + 1;
    candidate.message = message;
    candidate.content = undefined;
    let fits = matchMessage(program, candidate, context);
    if (fits === undefined) {
      search.progress(candidate.number);
      fits = await matchContent(search, candidate, message);
      if (session.wire.isEnded) return;
    }
    if (fits) found.push(batch[at] as number);
  }
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

/** Opens the message and answers one key after the other, until the program is decided. */
async function matchContent(search: Search, candidate: Candidate, message: StoredMessage): Promise<boolean> {
  const { session, program, context, mayContain } = search;
  const content = new Map<SearchKey, boolean>();
  const keys = textKeys(program);
  const open = keys.filter(
    ({ text, fuzzy }) => fuzzy !== undefined || mayContain.get(text)?.(message.messageId) !== false,
  );
  if (open.length < keys.length) {
    for (const key of keys) if (!open.includes(key)) content.set(key, false);
    candidate.content = content;
    const fits = matchMessage(program, candidate, context);
    if (fits !== undefined) return fits;
  }
  const body = await session.server.store.open(message.messageId);
  if (body === undefined) return false;
  try {
    for (const key of open) {
      content.set(key, await matchesContent(key, message, body));
      candidate.content = content;
      const fits = matchMessage(program, candidate, context);
      if (fits !== undefined) return fits;
    }
    return false;
  } finally {
    await body.release();
  }
}
