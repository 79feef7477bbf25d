/** BINARY (RFC 3516): parts with their transfer encoding undone. */
import { type Body, type MimePart, type StoredMessage, transferDecoder } from '@postroad/core';
import { cutRange, type FetchItem, findPart } from '../protocol/index.js';
import type { Session } from './session.js';

type BinaryItem = Extract<FetchItem, { readonly item: 'binary' | 'binary-size' }>;

const knownEncodings = new Set(['7bit', '8bit', 'binary', 'base64', 'quoted-printable']);

/** Writes one item. `false` when the part's encoding is unknown: the command then ends with UNKNOWN-CTE. */
export async function writeBinaryItem(
  session: Session,
  item: BinaryItem,
  message: StoredMessage,
  body: Body,
): Promise<boolean> {
  const { output } = session.wire;
  const part = item.path.length === 0 ? wholeMessage(message, body) : findPart(message.structure, item.path);
  if (part === undefined || !isKnown(part)) {
    output.write(item.item === 'binary-size' ? `${item.label} 0` : `${item.label} NIL`);
    return part === undefined;
  }
  // What is to be told first is the length, so that the part is decoded twice rather than kept.
  const facts = await measure(part, body);
  if (item.item === 'binary-size') {
    output.write(`${item.label} ${facts.sizeOctets}`);
    return true;
  }
  const { start, end } = cutRange({ start: 0, end: facts.sizeOctets }, item.partial);
  output.write(`${item.label} ${facts.hasNul ? '~' : ''}{${end - start}}\r\n`);
  let at = 0;
  for await (const chunk of decoded(part, body)) {
    output.writeBytes(chunk.subarray(Math.max(0, start - at), Math.max(0, end - at)));
    at += chunk.length;
    if (at >= end || session.wire.isEnded) break;
    if (output.isFull) await output.drain();
  }
  return true;
}

async function measure(part: MimePart, body: Body): Promise<{ sizeOctets: number; hasNul: boolean }> {
  let sizeOctets = 0;
  let hasNul = false;
  for await (const chunk of decoded(part, body)) {
    sizeOctets += chunk.length;
    hasNul ||= chunk.includes(0);
  }
  return { sizeOctets, hasNul };
}

async function* decoded(part: MimePart, body: Body): AsyncGenerator<Buffer> {
  const decoder = transferDecoder(isComposite(part) ? '8bit' : part.encoding);
  for await (const chunk of body.open({ start: part.bodyStart, end: part.bodyEnd })) {
    yield decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  }
  yield decoder.end();
}

/** RFC 3516 section 4.2: an empty section is the message as it is. */
function wholeMessage(message: StoredMessage, body: Body): MimePart {
  return { ...message.structure, encoding: '8bit', bodyStart: 0, bodyEnd: body.sizeBytes };
}

function isKnown(part: MimePart): boolean {
  return isComposite(part) || knownEncodings.has(part.encoding);
}

function isComposite(part: MimePart): boolean {
  return part.children.length > 0 || part.message !== null;
}
