/**
 * FETCH of what stands in the mailbox's entries. Numbers and flags, which clients ask of whole mailboxes to synchronise,
 * are written as octets; anything else goes by text.
 */
import type { MailboxEntry } from '@postroad/core';
import type { FetchItem } from '../protocol/index.js';
import { breathe } from './breathe.js';
import { OctetWriter } from './octet-writer.js';
import type { Session } from './session.js';
import type { View } from './view.js';

/** Writes one item of an entry. */
type OctetItem = (writer: OctetWriter, entry: MailboxEntry) => void;

/** All items of a FETCH. */
export type OctetItems = readonly OctetItem[];

/** What is given to the output at once, and room for a usual line behind it. */
const chunkOctets = 24_576;
const lineOctets = 1_024;

/** The items as writers of octets; `undefined` when one of them needs more than numbers and flags. */
export function octetItems(
  session: Session,
  view: View,
  items: readonly FetchItem[],
): OctetItems | undefined {
  const writers: OctetItem[] = [];
  for (const [at, { item }] of items.entries()) {
    const writer = octetItem(session, view, item, at === 0 ? '' : ' ');
    if (writer === undefined) return undefined;
    writers.push(writer);
  }
  return writers;
}

/** Tells them of all these messages. */
export async function fetchOctets(
  session: Session,
  view: View,
  items: OctetItems,
  indexes: readonly number[],
): Promise<void> {
  const { output } = session.wire;
  const { entries } = view;
  const isUidOnly = session.enabled.has('UIDONLY');
  const [begin, middle, end] = [
    octets('* '),
    octets(isUidOnly ? ' UIDFETCH (' : ' FETCH ('),
    octets(')\r\n'),
  ];
  const writer = new OctetWriter(chunkOctets + lineOctets);
  for (const index of indexes) {
    const entry = entries[index] as MailboxEntry;
    writer.add(begin);
    writer.addNumber(isUidOnly ? entry.uid : index + 1);
    writer.add(middle);
    for (const write of items) write(writer, entry);
    writer.add(end);
    if (writer.length < chunkOctets) continue;
    output.writeBytes(writer.take());
    if (!output.isFull) continue;
    await output.drain();
    await breathe();
    if (session.wire.isEnded) return;
  }
  output.writeBytes(writer.take());
}

function octetItem(
  session: Session,
  view: View,
  item: FetchItem['item'],
  blank: string,
): OctetItem | undefined {
  switch (item) {
    case 'uid':
      return numberItem(`${blank}UID `, ({ uid }) => uid);
    case 'size':
      return numberItem(`${blank}RFC822.SIZE `, ({ sizeBytes }) => sizeBytes);
    case 'mod-seq':
      return numberItem(`${blank}MODSEQ (`, ({ modSeq }) => modSeq, ')');
    case 'flags':
      return flagsItem(session, view, blank);
    default:
      return undefined;
  }
}

function numberItem(before: string, of: (entry: MailboxEntry) => number, after = ''): OctetItem {
  const [head, tail] = [octets(before), octets(after)];
  return (writer, entry) => {
    writer.add(head);
    writer.addNumber(of(entry));
    writer.add(tail);
  };
}

/** Flags of neighbouring messages are often the same array: their octets are made once, with and without \Recent. */
function flagsItem(session: Session, view: View, blank: string): OctetItem {
  const recent = session.enabled.has('IMAP4REV2') ? nothing : view.recent;
  const hasRecent = recent.size > 0;
  let last: readonly string[] | undefined;
  let plain = octets('');
  let withRecent = plain;
  return (writer, entry) => {
    if (entry.flags !== last) {
      last = entry.flags;
      plain = octets(`${blank}FLAGS (${last.join(' ')})`);
      withRecent = octets(`${blank}FLAGS (${[...last, '\\Recent'].join(' ')})`);
    }
    writer.add(hasRecent && recent.has(entry.uid) ? withRecent : plain);
  };
}

const nothing: ReadonlySet<number> = new Set();

function octets(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}
