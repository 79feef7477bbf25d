/** FETCH (RFC 9051 section 6.4.5). Flags, sizes, envelopes and structures never open a message. */
import type { Body, MailboxEntry, StoredMessage } from '@postroad/core';
import { type FetchCommand, type FetchItem, formatSet } from '../protocol/index.js';
import { breathe } from './breathe.js';
import { enableCondstore, vanishedSince } from './condstore.js';
import { type BodyItem, isBodyItem, isReading, writeBodyItem } from './fetch-body.js';
import { type EntryWriter, entryWriter, type MessageWriter, messageWriter } from './fetch-writers.js';
import { latest, refusalOfMany, toldShare } from './message-limit.js';
import { fetchHead, flagsText } from './news.js';
import { bad, no, type Outcome, ok } from './outcome.js';
import type { Session } from './session.js';
import type { View } from './view.js';
import { windowOf } from './write-results.js';

/** Messages whose structures are read at once, and whose bodies are opened at once. */
const structureBatch = 256;
const bodyBatch = 16;

/** A FETCH made ready to run over many messages. */
interface Plan {
  readonly entryWriters: readonly EntryWriter[];
  readonly messageWriters: readonly MessageWriter[];
  readonly bodyItems: readonly BodyItem[];
  /** Whether reading sets \Seen. */
  readonly setsSeen: boolean;
  readonly tellsFlags: boolean;
  readonly tellsModSeq: boolean;
  readonly faults: { hasUnknownEncoding: boolean };
}

/** FETCH. */
export async function fetch(session: Session, command: FetchCommand): Promise<Outcome> {
  const view = session.selected;
  if (command.isVanished && !session.enabled.has('QRESYNC')) return bad('enable QRESYNC first');
  const plan = makePlan(session, command, view);
  if (plan === undefined) return bad('unknown fetch item');
  let indexes = view.resolve(command.set, command.isUid, session.savedResult);
  if (indexes === undefined) return bad('there are no such messages');
  if (command.changedSince !== undefined) {
    indexes = await changedSince(session, view, command, indexes, command.changedSince);
  }
  if (command.partial !== undefined) {
    const { first, last } = command.partial;
    const refusal = refusalOfMany(session, Math.abs(last - first) + 1);
    if (refusal !== undefined) return refusal;
    indexes = [...windowOf(indexes, command.partial)];
  }
  const share = latest(session, view, indexes);
  // RFC 9738 section 3.1: what is not all goes from the highest UID to the lowest.
  const order = share.lowestUid === undefined ? share.indexes : [...share.indexes].reverse();
  return toldShare(session, share, await fetchAll(session, view, plan, order));
}

async function fetchAll(
  session: Session,
  view: View,
  plan: Plan,
  indexes: readonly number[],
): Promise<Outcome> {
  const isWhole =
    plan.messageWriters.length + plan.bodyItems.length === 0
      ? await fetchEntries(session, view, plan, indexes)
      : await fetchMessages(session, view, plan, indexes);
  if (plan.faults.hasUnknownEncoding) return no('a part has an unknown encoding', 'UNKNOWN-CTE');
  // RFC 2180 section 4.1.2: what has been expunged by others meanwhile can't be told any more.
  return isWhole ? ok('that is all') : no('some messages have been expunged', 'EXPUNGEISSUED');
}

/** Tells items of the messages from an index on, which are new (RFC 5465 section 5.2). */
export async function fetchNew(session: Session, items: readonly FetchItem[], from: number): Promise<void> {
  const { view } = session;
  if (view === undefined || from >= view.count) return;
  const set = { kind: 'saved' } as const;
  const plan = makePlan(session, { name: 'FETCH', isUid: true, set, items, isVanished: false }, view);
  if (plan === undefined) return;
  const indexes = Array.from({ length: view.count - from }, (_, at) => from + at);
  await fetchAll(session, view, plan, indexes);
}

function makePlan(session: Session, command: FetchCommand, view: View): Plan | undefined {
  const items = withImplied(session, command);
  if (items.some((item) => item.item === 'mod-seq')) enableCondstore(session);
  const entryWriters: EntryWriter[] = [];
  const messageWriters: MessageWriter[] = [];
  const bodyItems: BodyItem[] = [];
  for (const item of items) {
    const ofEntry = item.item === 'flags' ? flagWriter(session, view) : entryWriter(item);
    const ofMessage = messageWriter(item, session.strings);
    if (ofEntry !== undefined) entryWriters.push(ofEntry);
    else if (ofMessage !== undefined) messageWriters.push(ofMessage);
    else if (isBodyItem(item)) bodyItems.push(item);
    else return undefined;
  }
  const setsSeen = !view.isReadOnly && view.may('s') && bodyItems.some(isReading);
  const tellsFlags = items.some((item) => item.item === 'flags');
  const tellsModSeq = items.some((item) => item.item === 'mod-seq');
  const faults = { hasUnknownEncoding: false };
  return { entryWriters, messageWriters, bodyItems, setsSeen, tellsFlags, tellsModSeq, faults };
}

function flagWriter(session: Session, view: View): EntryWriter | undefined {
  if (view.recent.size === 0) return entryWriter({ item: 'flags' });
  return (entry) => `FLAGS (${flagsText(session, entry)})`;
}

/** Of the messages asked for those that changed, after telling which vanished (RFC 7162 sections 3.1.4 and 3.2.6). */
async function changedSince(
  session: Session,
  view: View,
  command: FetchCommand,
  indexes: readonly number[],
  modSeq: number,
): Promise<number[]> {
  if (command.isVanished && command.set.kind === 'ranges') {
    const vanished = await vanishedSince(session, view, modSeq, command.set.ranges);
    if (vanished.length > 0) session.untagged(`VANISHED (EARLIER) ${formatSet(vanished)}`);
  }
  return indexes.filter((index) => (view.entries[index] as MailboxEntry).modSeq > modSeq);
}

/** UID FETCH always tells the UID (RFC 9051 section 6.4.9), CHANGEDSINCE the mod-sequence (RFC 7162 section 3.1.4). */
function withImplied(session: Session, command: FetchCommand): readonly FetchItem[] {
  const has = (name: FetchItem['item']) => command.items.some((item) => item.item === name);
  const items = [...command.items];
  if (command.isUid && !has('uid') && !session.enabled.has('UIDONLY')) items.unshift({ item: 'uid' });
  if (command.changedSince !== undefined && !has('mod-seq')) items.push({ item: 'mod-seq' });
  return items;
}

async function fetchEntries(
  session: Session,
  view: View,
  plan: Plan,
  indexes: readonly number[],
): Promise<boolean> {
  const { output } = session.wire;
  const { entries } = view;
  for (const index of indexes) {
    const entry = entries[index] as MailboxEntry;
    output.write(`* ${fetchHead(session, index, entry)}${entryText(plan, entry)})\r\n`);
    if (!output.isFull) continue;
    await output.drain();
    await breathe();
    if (session.wire.isEnded) break;
  }
  return true;
}

async function fetchMessages(
  session: Session,
  view: View,
  plan: Plan,
  indexes: readonly number[],
): Promise<boolean> {
  const size = plan.bodyItems.length > 0 ? bodyBatch : structureBatch;
  let isWhole = true;
  for (let from = 0; from < indexes.length && !session.wire.isEnded; from += size) {
    const batch = indexes.slice(from, from + size);
    const seen = plan.setsSeen ? await setSeen(session, view, batch) : undefined;
    const ids = batch.map((index) => (view.entries[index] as MailboxEntry).messageId);
    const messages = await session.server.store.messages(ids);
    const isWritten =
      plan.bodyItems.length === 0
        ? writeStructures(session, view, plan, batch, messages)
        : await writeBatch(session, view, plan, batch, messages, seen);
    if (!isWritten) isWhole = false;
    if (session.wire.output.isFull) await session.wire.output.drain();
  }
  return isWhole;
}

/** Writes what needs no octets of messages, without waiting. */
function writeStructures(
  session: Session,
  view: View,
  plan: Plan,
  batch: readonly number[],
  messages: readonly (StoredMessage | undefined)[],
): boolean {
  const { output } = session.wire;
  let isWhole = true;
  for (let at = 0; at < batch.length; at++) {
    const message = messages[at];
    if (message === undefined) {
      isWhole = false;
      continue;
    }
    const index = batch[at] as number;
    const entry = view.entries[index] as MailboxEntry;
    let text = entryText(plan, entry);
    for (const write of plan.messageWriters) text += text === '' ? write(message) : ` ${write(message)}`;
    output.write(`* ${fetchHead(session, index, entry)}${text})\r\n`);
  }
  return isWhole;
}

async function writeBatch(
  session: Session,
  view: View,
  plan: Plan,
  batch: readonly number[],
  messages: readonly (StoredMessage | undefined)[],
  seen: ReadonlySet<number> | undefined,
): Promise<boolean> {
  const bodies = await openAll(session, messages);
  let isWhole = true;
  try {
    for (let at = 0; at < batch.length; at++) {
      const index = batch[at] as number;
      const entry = view.entries[index] as MailboxEntry;
      const message = messages[at];
      const body = bodies[at];
      if (message === undefined || body === undefined) {
        isWhole = false;
        continue;
      }
      const flags = seen?.has(entry.uid) ? seenText(session, plan, entry) : '';
      await writeMessage(session, plan, index, entry, message, body, flags);
      if (session.wire.isEnded) break;
    }
  } catch (error) {
    // A response is half written: nothing that follows could be understood.
    session.wire.destroy();
    throw error;
  } finally {
    for (const body of bodies) await body?.release();
  }
  return isWhole;
}

async function writeMessage(
  session: Session,
  plan: Plan,
  index: number,
  entry: MailboxEntry,
  message: StoredMessage,
  body: Body,
  flags: string,
): Promise<void> {
  const { output } = session.wire;
  let text = entryText(plan, entry);
  for (const write of plan.messageWriters) text += (text === '' ? '' : ' ') + write(message);
  if (flags !== '') text += (text === '' ? '' : ' ') + flags;
  output.write(`* ${fetchHead(session, index, entry)}${text}`);
  let isFirst = text === '';
  for (const item of plan.bodyItems) {
    if (!isFirst) output.write(' ');
    isFirst = false;
    if (!(await writeBodyItem(session, item, message, body))) plan.faults.hasUnknownEncoding = true;
  }
  output.write(')\r\n');
  if (output.isFull) await output.drain();
}

/** The flags that reading set, as far as the items asked for do not tell them anyway. */
function seenText(session: Session, plan: Plan, entry: MailboxEntry): string {
  const flags = plan.tellsFlags ? [] : [`FLAGS (${flagsText(session, entry)})`];
  if (session.isCondstore && !plan.tellsModSeq) flags.push(`MODSEQ (${entry.modSeq})`);
  return flags.join(' ');
}

function entryText(plan: Plan, entry: MailboxEntry): string {
  let text = '';
  for (const write of plan.entryWriters) text += text === '' ? write(entry) : ` ${write(entry)}`;
  return text;
}

/** Opens the bodies of a batch; all are released when one can't be opened. */
async function openAll(
  session: Session,
  messages: readonly (StoredMessage | undefined)[],
): Promise<(Body | undefined)[]> {
  const results = await Promise.allSettled(
    messages.map((message) =>
      message === undefined ? undefined : session.server.store.open(message.messageId),
    ),
  );
  const failed = results.find((result) => result.status === 'rejected');
  const bodies = results.map((result) => (result.status === 'fulfilled' ? result.value : undefined));
  if (failed === undefined) return bodies;
  for (const body of bodies) await body?.release();
  throw failed.reason;
}

/** Sets \Seen on the unread messages of a batch in one commit; resolves with their UIDs, whose flags must be told. */
async function setSeen(session: Session, view: View, batch: readonly number[]): Promise<ReadonlySet<number>> {
  const unseen: number[] = [];
  for (const index of batch) {
    const entry = view.entries[index] as MailboxEntry;
    if (!entry.flags.includes('\\Seen') && !view.isGhost(entry.uid)) unseen.push(entry.uid);
  }
  if (unseen.length === 0) return new Set();
  const change = { mode: 'add', flags: ['\\Seen'] } as const;
  const { entries } = await session.server.store.changeFlags(view.mailboxId, unseen, change);
  for (const entry of entries) view.replaceQuietly(entry);
  return new Set(unseen);
}
