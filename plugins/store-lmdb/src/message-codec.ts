/** Stored messages as compact lists: names of fields are not repeated in every record. */
import type {
  EnvelopeAddress,
  MessageEnvelope,
  MimeParameters,
  MimePart,
  StoredMessage,
} from '@postroad/core';
import { formatId } from './records.js';

/** A message as the store holds it. */
export interface MessageRecord {
  readonly stored: StoredMessage;
  readonly prefix: Buffer;
  /** The key of the body. */
  readonly body: string;
}

type Json = unknown;

/** The stored form; the message's number is in the key. */
export function encodeMessage({ stored, prefix, body }: MessageRecord): unknown[] {
  return [
    prefix,
    body,
    stored.sizeBytes,
    stored.headerSizeBytes,
    encodeEnvelope(stored.envelope),
    encodePart(stored.structure),
  ];
}

/** The message of a number. */
export function decodeMessage(number: number, row: readonly unknown[]): MessageRecord {
  const [prefix, body, sizeBytes, headerSizeBytes, envelope, structure] = row as [
    Uint8Array,
    string,
    number,
    number,
    Json[],
    Json[],
  ];
  return {
    stored: {
      messageId: formatId('M', number),
      sizeBytes,
      headerSizeBytes,
      envelope: decodeEnvelope(envelope),
      structure: decodePart(structure),
    },
    prefix: Buffer.from(prefix),
    body,
  };
}

function encodeEnvelope(envelope: MessageEnvelope): Json[] {
  // Sender and Reply-To are mostly those of From: then they are stored as `true`.
  const unlessFrom = (list: readonly EnvelopeAddress[] | null) =>
    list !== null && list === envelope.from ? true : encodeAddresses(list);
  return [
    envelope.date,
    envelope.subject,
    encodeAddresses(envelope.from),
    unlessFrom(envelope.sender),
    unlessFrom(envelope.replyTo),
    encodeAddresses(envelope.to),
    encodeAddresses(envelope.cc),
    encodeAddresses(envelope.bcc),
    envelope.inReplyTo,
    envelope.messageId,
  ];
}

function decodeEnvelope(row: readonly Json[]): MessageEnvelope {
  const from = decodeAddresses(row[2]);
  const orFrom = (value: Json) => (value === true ? from : decodeAddresses(value));
  return {
    date: row[0] as string | null,
    subject: row[1] as string | null,
    from,
    sender: orFrom(row[3]),
    replyTo: orFrom(row[4]),
    to: decodeAddresses(row[5]),
    cc: decodeAddresses(row[6]),
    bcc: decodeAddresses(row[7]),
    inReplyTo: row[8] as string | null,
    messageId: row[9] as string | null,
  };
}

function encodeAddresses(list: readonly EnvelopeAddress[] | null): Json {
  return list === null
    ? null
    : list.flatMap(({ name, route, mailbox, host }) => [name, route, mailbox, host]);
}

function decodeAddresses(value: Json): readonly EnvelopeAddress[] | null {
  if (value === null) return null;
  const flat = value as (string | null)[];
  const list: EnvelopeAddress[] = [];
  for (let at = 0; at < flat.length; at += 4) {
    const [name = null, route = null, mailbox = null, host = null] = flat.slice(at, at + 4);
    list.push({ name, route, mailbox, host });
  }
  return list;
}

function encodePart(part: MimePart): Json[] {
  return [
    part.type,
    part.subtype,
    part.parameters.flat(),
    part.id,
    part.description,
    part.encoding,
    part.md5,
    part.disposition === null ? null : [part.disposition.value, ...part.disposition.parameters.flat()],
    part.language,
    part.location,
    part.headerStart,
    part.bodyStart,
    part.bodyEnd,
    part.lines,
    part.children.map(encodePart),
    part.message === null
      ? null
      : [encodeEnvelope(part.message.envelope), encodePart(part.message.structure)],
  ];
}

function decodePart(row: readonly Json[]): MimePart {
  const disposition = row[7] as [string, ...string[]] | null;
  const message = row[15] as [Json[], Json[]] | null;
  return {
    type: row[0] as string,
    subtype: row[1] as string,
    parameters: pairs(row[2] as string[]),
    id: row[3] as string | null,
    description: row[4] as string | null,
    encoding: row[5] as string,
    md5: row[6] as string | null,
    disposition:
      disposition === null ? null : { value: disposition[0], parameters: pairs(disposition.slice(1)) },
    language: row[8] as readonly string[] | null,
    location: row[9] as string | null,
    headerStart: row[10] as number,
    bodyStart: row[11] as number,
    bodyEnd: row[12] as number,
    lines: row[13] as number,
    children: (row[14] as Json[][]).map(decodePart),
    message:
      message === null ? null : { envelope: decodeEnvelope(message[0]), structure: decodePart(message[1]) },
  };
}

function pairs(flat: readonly string[]): MimeParameters {
  const list: (readonly [string, string])[] = [];
  for (let at = 0; at < flat.length; at += 2) list.push([flat[at] as string, flat[at + 1] as string]);
  return list;
}
