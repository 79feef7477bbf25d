/** Entries and log rows as octets. */
import type { MailboxEntry } from '@postroad/core';
import { formatId, parseId } from './records.js';

const systemFlags = ['\\Answered', '\\Deleted', '\\Draft', '\\Flagged', '\\Seen'];
/** Six numbers of eight octets, then the system flags as bits, then keywords in UTF-8 with line feeds between. */
const flagsAt = 48;
const headOctets = 49;

/** The stored form of an entry; its UID is in the key. */
export function encodeEntry(entry: MailboxEntry): Buffer {
  let bits = 0;
  let keywords = '';
  for (const flag of entry.flags) {
    const place = flag.startsWith('\\') ? systemFlags.indexOf(flag) : -1;
    if (place >= 0) bits |= 1 << place;
    else keywords += keywords === '' ? flag : `\n${flag}`;
  }
  const octets = Buffer.allocUnsafe(headOctets + (keywords === '' ? 0 : Buffer.byteLength(keywords)));
  octets.writeDoubleLE(entry.modSeq, 0);
  octets.writeDoubleLE(parseId('M', entry.messageId) ?? 0, 8);
  octets.writeDoubleLE(parseId('T', entry.threadId) ?? 0, 16);
  octets.writeDoubleLE(entry.sizeBytes, 24);
  octets.writeDoubleLE(entry.internalDateMs, 32);
  octets.writeDoubleLE(entry.savedAtMs, 40);
  octets[flagsAt] = bits;
  if (keywords !== '') octets.write(keywords, headOctets);
  return octets;
}

/** The entry of a UID. Equal lists of flags are shared: most messages have one of a few. */
export function decodeEntry(uid: number, octets: Buffer): MailboxEntry {
  return {
    uid,
    modSeq: octets.readDoubleLE(0),
    flags: decodeFlags(octets),
    messageId: formatId('M', octets.readDoubleLE(8)),
    threadId: formatId('T', octets.readDoubleLE(16)),
    sizeBytes: octets.readDoubleLE(24),
    internalDateMs: octets.readDoubleLE(32),
    savedAtMs: octets.readDoubleLE(40),
  };
}

/** Lists of system flags by their bits. */
const flagLists: readonly (readonly string[])[] = Array.from({ length: 1 << systemFlags.length }, (_, bits) =>
  Object.freeze(systemFlags.filter((_flag, place) => (bits & (1 << place)) !== 0)),
);

function decodeFlags(octets: Buffer): readonly string[] {
  const system = flagLists[octets[flagsAt] as number] as readonly string[];
  if (octets.length === headOctets) return system;
  return [...octets.toString('utf8', headOctets).split('\n'), ...system].sort();
}

/** What one change did to a mailbox. */
export interface LogRow {
  /** Ascending. */
  readonly changed: readonly number[];
  readonly vanished: readonly number[];
}

/** The stored form of a log row: the number of vanished ranges, then all ranges as pairs of 32 bits. */
export function encodeLogRow(row: LogRow): Buffer {
  const vanished = rangesOf(row.vanished);
  const all = [vanished.length / 2, ...vanished, ...rangesOf(row.changed)];
  const octets = Buffer.allocUnsafe(all.length * 4);
  for (const [index, number] of all.entries()) octets.writeUInt32LE(number, index * 4);
  return octets;
}

/** Adds the UIDs of a stored row to the sets. A UID that vanished is no longer changed. */
export function collectLogRow(octets: Buffer, changed: Set<number>, vanished: Set<number>): void {
  const vanishedEnd = 4 + octets.readUInt32LE(0) * 8;
  for (let at = 4; at + 8 <= octets.length; at += 8) {
    const last = octets.readUInt32LE(at + 4);
    for (let uid = octets.readUInt32LE(at); uid <= last; uid++) {
      if (at >= vanishedEnd) changed.add(uid);
      else {
        vanished.add(uid);
        changed.delete(uid);
      }
    }
  }
}

function rangesOf(uids: readonly number[]): number[] {
  const ranges: number[] = [];
  for (const uid of uids) {
    if (ranges.length > 0 && ranges.at(-1) === uid - 1) ranges[ranges.length - 1] = uid;
    else ranges.push(uid, uid);
  }
  return ranges;
}
