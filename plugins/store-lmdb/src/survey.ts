/** Reads the whole store once and counts everything that its records say, for the checker. */
import type { MailboxEntry } from '@postroad/core';
import { decodeBody } from './body-codec.js';
import { decodeEntry } from './entry-codec.js';
import { type MailboxRecord, parseId } from './records.js';
import { pair, type Tables } from './tables.js';

/** What the entries and the log of a mailbox add up to. */
export interface MailboxSums {
  readonly record: MailboxRecord | undefined;
  messages: number;
  unseen: number;
  sizeBytes: number;
  uidMax: number;
  modSeqMax: number;
  logRows: number;
  /** Entries whose message is not there. */
  readonly lost: MailboxEntry[];
  readonly uids: number[];
}

/** A message as its record says, and how many entries show it. */
export interface MessageSums {
  readonly body: string;
  shown: number;
}

/** A body as its record says, and how many messages have it. */
export interface BodySums {
  readonly sizeBytes: number;
  readonly file: string;
  used: number;
}

/** The store as it was read. */
export interface Survey {
  readonly mailboxes: ReadonlyMap<number, MailboxSums>;
  readonly messages: ReadonlyMap<number, MessageSums>;
  readonly bodies: ReadonlyMap<string, BodySums>;
  /** Names of mailboxes: account, name, mailbox. */
  readonly names: readonly (readonly [account: number, name: string, mailbox: number])[];
}

/** Reads everything; holds the event loop, so that it is of one moment. */
export function surveyStore(tables: Tables): Survey {
  const bodies = readBodies(tables);
  const messages = readMessages(tables, bodies);
  const mailboxes = new Map<number, MailboxSums>();
  const sumsOf = (number: number): MailboxSums => {
    let sums = mailboxes.get(number);
    if (sums === undefined) {
      sums = emptySums(tables.mailboxes.get(number));
      mailboxes.set(number, sums);
    }
    return sums;
  };
  for (const number of tables.mailboxes.getKeys()) sumsOf(number);
  for (const { key, value } of tables.entries.getRange({ start: pair(0, 0) })) {
    countEntry(sumsOf(key[0] as number), decodeEntry(key[1] as number, value), messages);
  }
  for (const key of tables.log.getKeys({ start: pair(0, 0) })) sumsOf(key[0] as number).logRows++;
  const names: (readonly [number, string, number])[] = [];
  for (const { key, value } of tables.names.getRange({})) names.push([key[0], key[1], value]);
  return { mailboxes, messages, bodies, names };
}

function readBodies(tables: Tables): Map<string, BodySums> {
  const bodies = new Map<string, BodySums>();
  for (const { key, value } of tables.bodies.getRange({})) {
    const { sizeBytes, file } = decodeBody(value);
    bodies.set(key, { sizeBytes, file, used: 0 });
  }
  return bodies;
}

function readMessages(tables: Tables, bodies: ReadonlyMap<string, BodySums>): Map<number, MessageSums> {
  const messages = new Map<number, MessageSums>();
  for (const { key, value } of tables.messages.getRange({})) {
    const body = String(value[1]);
    messages.set(key, { body, shown: 0 });
    const sums = bodies.get(body);
    if (sums !== undefined) sums.used++;
  }
  return messages;
}

function emptySums(record: MailboxRecord | undefined): MailboxSums {
  return {
    record,
    messages: 0,
    unseen: 0,
    sizeBytes: 0,
    uidMax: 0,
    modSeqMax: 0,
    logRows: 0,
    lost: [],
    uids: [],
  };
}

function countEntry(
  sums: MailboxSums,
  entry: MailboxEntry,
  messages: ReadonlyMap<number, MessageSums>,
): void {
  sums.messages++;
  sums.sizeBytes += entry.sizeBytes;
  if (!entry.flags.includes('\\Seen')) sums.unseen++;
  sums.uidMax = Math.max(sums.uidMax, entry.uid);
  sums.modSeqMax = Math.max(sums.modSeqMax, entry.modSeq);
  if (sums.record === undefined) sums.uids.push(entry.uid);
  const message = messages.get(parseId('M', entry.messageId) ?? -1);
  if (message === undefined) sums.lost.push(entry);
  else if (sums.record !== undefined) message.shown++;
}
