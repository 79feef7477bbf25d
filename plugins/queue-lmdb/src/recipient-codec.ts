/**
 * Recipients as octets. There are millions of them, so what most have stands in a list without names, and what the key says is
 * left out: version (1), a list as JSON (state, when due, local part, domain, site, tries, unsettled tries, and an object with
 * whatever else there is), CRC-32 of it (4). Records of version 1 are the whole as JSON and are still read.
 */
import { crc32 } from 'node:zlib';
import type { QueueChange, QueuedRecipient, RecipientState } from '@postroad/core';
import { readRecipientKey } from './keys.js';
import { parseRecord, unreadable } from './record-codec.js';

const version = 2;
const crcBytes = 4;
const letters: Record<RecipientState, string> = { ready: 'r', waiting: 'w', leased: 'l', held: 'h' };
const states = new Map(Object.entries(letters).map(([state, letter]) => [letter, state as RecipientState]));

/** A recipient as it is kept. */
export interface StoredRecipient {
  readonly recipient: QueuedRecipient;
  /** What an operator wants of it when its try has ended. */
  readonly ordered?: QueueChange;
  /** Whether the message's body is a file, which goes with its last recipient. */
  readonly isBodyInFile?: boolean;
}

interface More {
  /** Fields that not every recipient has. */
  readonly of?: Partial<QueuedRecipient>;
  readonly ordered?: QueueChange;
  readonly isBodyInFile?: boolean;
}

type Row = readonly [string, number, string, string, string, number, number, More?];

/** A recipient's record. */
export function encodeRecipient({ recipient, ordered, isBodyInFile }: StoredRecipient): Buffer {
  const { state, dueAtMs, address, site, attempts, unsettledAttempts } = recipient;
  const of = othersOf(recipient);
  // JSON leaves out what is undefined.
  const more =
    of === undefined && ordered === undefined && isBodyInFile !== true
      ? undefined
      : { of, ordered, isBodyInFile: isBodyInFile === true ? isBodyInFile : undefined };
  const { localPart, domain } = address;
  const row: Row = [letters[state], dueAtMs, localPart, domain, site, attempts, unsettledAttempts];
  const json = JSON.stringify(more === undefined ? row : [...row, more]);
  const length = Buffer.byteLength(json);
  const record = Buffer.allocUnsafe(1 + length + crcBytes);
  record[0] = version;
  record.write(json, 1);
  record.writeUInt32BE(crc32(record.subarray(0, 1 + length)), 1 + length);
  return record;
}

/** What has its place in the row or stands in the key; `isDelayTold` is written when it is true. */
const placed: ReadonlySet<string> = new Set([
  ...['messageId', 'index', 'address', 'state', 'dueAtMs', 'attempts', 'unsettledAttempts', 'site'],
]);

/** The fields of a recipient that have no place in the row; `undefined` when there are none, as with most. */
function othersOf(recipient: QueuedRecipient): Partial<QueuedRecipient> | undefined {
  let others: Record<string, unknown> | undefined;
  for (const [name, value] of Object.entries(recipient)) {
    if (placed.has(name) || value === undefined || (name === 'isDelayTold' && value === false)) continue;
    others ??= {};
    others[name] = value;
  }
  return others;
}

/** The recipient of a record under a key. Throws `E_QUEUE_RECORD`. */
export function decodeRecipient(key: string, record: Buffer): StoredRecipient {
  const end = record.length - crcBytes;
  if (end < 1 || record.readUInt32BE(end) !== crc32(record.subarray(0, end))) throw unreadable('recipient');
  const json = parseRecord(record.subarray(1, end), 'recipient');
  if (record[0] === 1) return json as StoredRecipient;
  const place = readRecipientKey(key);
  if (record[0] !== version || place === undefined) throw unreadable('recipient');
  const [letter, dueAtMs, localPart, domain, site, attempts, unsettledAttempts, more = {}] = json as Row;
  const state = states.get(letter);
  if (state === undefined) throw unreadable('recipient');
  const { of, ...stored } = more;
  const address = { localPart, domain };
  const known = { ...place, address, state, dueAtMs, attempts, unsettledAttempts, site };
  return { ...stored, recipient: { ...known, isDelayTold: false, ...of } };
}
