/** What changes messages, bodies and threads: each kept once, with a count of who shows it. */
import type { ThreadReferences } from '@postroad/core';
import { decodeBody } from './body-codec.js';
import type { Change } from './change.js';
import { encodeMessage, type MessageRecord } from './message-codec.js';
import { formatId, parseId, threadKey } from './records.js';
import { viewOf } from './tables.js';

/** A body ready to be stored. */
export interface PreparedBody {
  /** The key: its digest. */
  readonly key: string;
  /** The record; left out when the store was seen to have the body already. */
  readonly encoded?: Buffer;
  /** The file made for it. */
  readonly file?: string;
}

/** Stores a message that `entries` entries show. `false` when the body is needed after all: nothing is changed then. */
export function addMessage(
  change: Change,
  number: number,
  message: MessageRecord,
  body: PreparedBody,
  entries: number,
): boolean {
  const { messages } = change.environment.tables;
  if (!holdBody(change, body)) return false;
  const encoded = encodeMessage(message);
  change.write(() => void messages.put(number, encoded));
  if (entries > 1) setShares(change, number, entries);
  return true;
}

/** As many more entries show a message. */
export function holdMessage(change: Change, messageId: string, entries: number): void {
  const number = parseId('M', messageId) as number;
  setShares(change, number, sharesOf(change, number) + entries);
}

/** One entry less shows a message; the last one removes it, and its body unless another message has the same. */
export function letGoMessage(change: Change, messageId: string): void {
  const number = parseId('M', messageId) as number;
  const shares = sharesOf(change, number);
  if (shares > 1) {
    setShares(change, number, shares - 1);
    return;
  }
  const { messages, bodies, files } = change.environment.tables;
  const row = messages.get(number);
  change.write(() => void messages.remove(number));
  change.freedMessages.push(number);
  const key = row?.[1] as string | undefined;
  if (key === undefined) return;
  const bodyShares = sharesOf(change, key);
  if (bodyShares > 1) {
    setShares(change, key, bodyShares - 1);
    return;
  }
  const encoded = viewOf(bodies, key);
  const file = encoded === undefined ? '' : decodeBody(encoded).file;
  change.write(() => void bodies.remove(key));
  if (file === '') return;
  change.write(() => void files.remove(file));
  change.freedFiles.push(file);
}

/** The thread a message belongs to: that of the nearest known relative, or a new one. It never changes later. */
export function threadOf(
  change: Change,
  account: number,
  { messageId, references }: ThreadReferences,
): string {
  const { threads } = change.environment.tables;
  const ids = messageId === undefined ? references : [messageId, ...references];
  const keys = ids.map(threadKey);
  const name = (key: string) => `thread ${account} ${key}`;
  const known = keys.map((key) => change.read(name(key), () => threads.get([account, key])));
  const thread = known.find((number) => number !== undefined) ?? change.next('thread');
  for (const [index, key] of keys.entries()) {
    if (known[index] !== undefined) continue;
    change.remember(name(key), thread);
    change.write(() => void threads.put([account, key], thread));
  }
  return formatId('T', thread);
}

function holdBody(change: Change, body: PreparedBody): boolean {
  const { bodies, files } = change.environment.tables;
  const name = `body ${body.key}`;
  if (change.read(name, () => bodies.doesExist(body.key))) {
    setShares(change, body.key, sharesOf(change, body.key) + 1);
    // The file that was made for it is not needed.
    if (body.file !== undefined) change.freedFiles.push(body.file);
    return true;
  }
  const { encoded, file, key } = body;
  if (encoded === undefined) return false;
  change.write(() => void bodies.put(key, encoded));
  change.remember(name, true);
  if (file !== undefined) change.write(() => void files.put(file, key));
  return true;
}

/** How many show it: one when nothing is noted. */
function sharesOf(change: Change, key: string | number): number {
  const { shares } = change.environment.tables;
  return change.read(`shares ${key}`, () => shares.get(key)) ?? 1;
}

function setShares(change: Change, key: string | number, count: number): void {
  const { shares } = change.environment.tables;
  change.remember(`shares ${key}`, count);
  change.write(() => void (count > 1 ? shares.put(key, count) : shares.remove(key)));
}
