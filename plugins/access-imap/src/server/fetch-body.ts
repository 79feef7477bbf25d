/** FETCH items that need octets of the message: sections of it, streamed (RFC 9051 section 6.4.5). */
import type { Body, ByteRange, StoredMessage } from '@postroad/core';
import { cutRange, type FetchItem, sectionRange, selectFields } from '../protocol/index.js';
import { writeBinaryItem } from './fetch-binary.js';
import { writePreview } from './fetch-preview.js';
import type { Session } from './session.js';

/** An item that needs octets. */
export type BodyItem = Extract<
  FetchItem,
  { readonly item: 'section' | 'binary' | 'binary-size' | 'preview' }
>;

type SectionItem = Extract<FetchItem, { readonly item: 'section' }>;

/** Whether an item needs octets. */
export function isBodyItem(item: FetchItem): item is BodyItem {
  return (
    item.item === 'section' ||
    item.item === 'binary' ||
    item.item === 'binary-size' ||
    item.item === 'preview'
  );
}

/** Most octets of a header section that fields are selected from. */
const headerOctetsMax = 1_048_576;
const nulReplacement = '\x80';

/** Whether telling the item sets \Seen (RFC 9051 section 6.4.5, RFC 3516 section 4.2). */
export function isReading(item: BodyItem): boolean {
  return (item.item === 'section' || item.item === 'binary') && !item.isPeek;
}

/** Writes one item; may wait for the client to read. `false` when it has an encoding nobody knows. */
export async function writeBodyItem(
  session: Session,
  item: BodyItem,
  message: StoredMessage,
  body: Body,
): Promise<boolean> {
  switch (item.item) {
    case 'section':
      await writeSection(session, item, message, body);
      return true;
    case 'preview':
      await writePreview(session, item.isLazy, message, body);
      return true;
    case 'binary':
    case 'binary-size':
      return writeBinaryItem(session, item, message, body);
  }
}

/** A section the message does not have is NIL. */
async function writeSection(
  session: Session,
  item: SectionItem,
  message: StoredMessage,
  body: Body,
): Promise<void> {
  const { output } = session.wire;
  const range = sectionRange(message.structure, body.sizeBytes, item.section);
  if (range === undefined) {
    output.write(`${item.label} NIL`);
    return;
  }
  if (range.fields !== undefined) {
    const header = await readSectionHeader(body, range);
    const selected = selectFields(header, range.fields.names, range.fields.isExcluded);
    const cut = cutRange({ start: 0, end: selected.length }, item.partial);
    const text = selected.slice(cut.start, cut.end).replaceAll('\0', nulReplacement);
    output.write(`${item.label} {${text.length}}\r\n${text}`);
    return;
  }
  await writeRange(session, item.label, body, cutRange(range, item.partial));
}

/** Writes octets of a body as a literal. */
async function writeRange(session: Session, label: string, body: Body, range: ByteRange): Promise<void> {
  const { output } = session.wire;
  const length = range.end - range.start;
  output.write(`${label} {${length}}\r\n`);
  if (length === 0) return;
  if (body.inline !== undefined) {
    output.writeBytes(withoutNul(body.inline.subarray(range.start, range.end)));
    return;
  }
  if (range.end <= body.headerBytes.length) {
    output.writeBytes(withoutNul(body.headerBytes.subarray(range.start, range.end)));
    return;
  }
  let written = 0;
  for await (const chunk of body.open(range)) {
    output.writeBytes(withoutNul(chunk));
    written += chunk.length;
    if (output.isFull) await output.drain();
    if (session.wire.isEnded) return;
  }
  // The length has been said already: the only honest end of a literal that is too short is the connection's.
  if (written !== length) throw new Error('a stored message is shorter than its structure says');
}

/**
 * RFC 9051 section 4.3.1: no NUL in a literal. What is filed and appended has none (see textual.ts), but what is signed
 * must stay as it came, and other programs write Maildirs: they hear what Dovecot says in its place.
 */
function withoutNul(octets: Uint8Array): Uint8Array {
  const same = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
  if (!same.includes(0)) return octets;
  return Buffer.from(same.toString('latin1').replaceAll('\0', nulReplacement), 'latin1');
}

/** The octets of a header section, cut off at a bound. */
export async function readSectionHeader(body: Body, range: ByteRange): Promise<string> {
  if (range.end <= body.headerBytes.length) return latin1(body.headerBytes.subarray(range.start, range.end));
  const end = Math.min(range.end, range.start + headerOctetsMax);
  if (body.inline !== undefined) return latin1(body.inline.subarray(range.start, end));
  const chunks: string[] = [];
  for await (const chunk of body.open({ start: range.start, end })) chunks.push(latin1(chunk));
  return chunks.join('');
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
