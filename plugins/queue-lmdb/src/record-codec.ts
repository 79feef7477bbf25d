/**
 * Messages as octets. Every record ends with a checksum over what is not the body, so that a torn or foreign record is
 * told from a good one; the body is covered by its length (LMDB writes whole pages, and a body is never rewritten).
 *
 * Message: version (1), length of facts (4), length of payload (4), facts as JSON, payload, CRC-32 of the rest (4).
 * The payload is the whole body when it is inline, else the header section.
 */
import { crc32 } from 'node:zlib';
import { type Body, bodyFromBytes, bodyFromFile, MailError, type QueuedMessage } from '@postroad/core';

const version = 1;
const headBytes = 9;
const crcBytes = 4;

interface FileFacts {
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly has8bit: boolean;
  readonly headerSizeBytes: number;
}

/** A message's record. `isInFile` says that the body is not inside. */
export function encodeMessage(message: QueuedMessage, isInFile: boolean): Buffer {
  const { body, ...shared } = message;
  const file: FileFacts | undefined = isInFile
    ? {
        sha256: body.sha256,
        sizeBytes: body.sizeBytes,
        has8bit: body.has8bit,
        headerSizeBytes: body.headerSizeBytes,
      }
    : undefined;
  const facts = Buffer.from(JSON.stringify(file === undefined ? { shared } : { shared, file }));
  const payload = isInFile ? body.headerBytes : (body.inline as Uint8Array);
  const record = Buffer.allocUnsafe(headBytes + facts.length + payload.length + crcBytes);
  record[0] = version;
  record.writeUInt32BE(facts.length, 1);
  record.writeUInt32BE(payload.length, 5);
  facts.copy(record, headBytes);
  record.set(payload, headBytes + facts.length);
  record.writeUInt32BE(crcOfMessage(record, facts.length), record.length - crcBytes);
  return record;
}

/** The message of a record; `fileOf` names the body's file. Throws `E_QUEUE_RECORD`. */
export function decodeMessage(record: Buffer, fileOf: (id: string) => string): QueuedMessage {
  if (record.length < headBytes + crcBytes || record[0] !== version) throw unreadable('message');
  const factsBytes = record.readUInt32BE(1);
  const payloadBytes = record.readUInt32BE(5);
  if (record.length !== headBytes + factsBytes + payloadBytes + crcBytes) throw unreadable('message');
  if (record.readUInt32BE(record.length - crcBytes) !== crcOfMessage(record, factsBytes)) {
    throw unreadable('message');
  }
  const factsEnd = headBytes + factsBytes;
  const { shared, file } = parseRecord(record.subarray(headBytes, factsEnd), 'message') as {
    shared: Omit<QueuedMessage, 'body'>;
    file?: FileFacts;
  };
  const payload = record.subarray(factsEnd, factsEnd + payloadBytes);
  const body: Body =
    file === undefined
      ? bodyFromBytes(payload)
      : bodyFromFile({ ...file, headerBytes: payload, file: fileOf(shared.id), isOwned: false });
  return { ...shared, body };
}

function crcOfMessage(record: Buffer, factsBytes: number): number {
  return crc32(record.subarray(0, headBytes + factsBytes));
}

/** The JSON of a record. Throws `E_QUEUE_RECORD`. */
export function parseRecord(bytes: Buffer, what: string): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch (cause) {
    throw unreadable(what, cause);
  }
}

/** The error for a record that can't be read. */
export function unreadable(what: string, cause?: unknown): MailError {
  return new MailError('E_QUEUE_RECORD', `a ${what} record of the queue can't be read`, { cause });
}
