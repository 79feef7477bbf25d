/**
 * Messages as octets. Every record ends with a checksum over what is not the body, so that a torn or foreign record is
 * told from a good one; the body is covered by its length (LMDB writes whole pages, and a body is never rewritten).
 *
 * Message: version (1), length of facts (4), length of payload (4), facts as JSON, CRC-32 of all before it (4), payload.
 * The payload is the whole body when it is inline, else the header section. In records of version 1, which are still read,
 * the checksum stands behind the payload.
 */
import { crc32 } from 'node:zlib';
import { type Body, bodyFromBytes, bodyFromFile, MailError, type QueuedMessage } from '@postroad/core';

const version = 2;
const headBytes = 9;
const crcBytes = 4;

interface FileFacts {
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly has8bit: boolean;
  readonly headerSizeBytes: number;
}

/** A message's record in two pieces, so that the payload, which is the body's own, is not copied. */
export interface MessageRecord {
  readonly front: Buffer;
  readonly payload: Uint8Array;
}

/** A message's record. `isInFile` says that the body is not inside. */
export function encodeMessage(message: QueuedMessage, isInFile: boolean): MessageRecord {
  const { body } = message;
  // JSON leaves out what is undefined: the body, and the recipients of a message that is being put in.
  const shared = { ...message, body: undefined, recipients: undefined };
  const file: FileFacts | undefined = isInFile
    ? {
        sha256: body.sha256,
        sizeBytes: body.sizeBytes,
        has8bit: body.has8bit,
        headerSizeBytes: body.headerSizeBytes,
      }
    : undefined;
  const json = JSON.stringify(file === undefined ? { shared } : { shared, file });
  const payload = isInFile ? body.headerBytes : (body.inline as Uint8Array);
  const factsEnd = headBytes + Buffer.byteLength(json);
  const front = Buffer.allocUnsafe(factsEnd + crcBytes);
  front[0] = version;
  front.writeUInt32BE(factsEnd - headBytes, 1);
  front.writeUInt32BE(payload.length, 5);
  front.write(json, headBytes);
  front.writeUInt32BE(crc32(front.subarray(0, factsEnd)), factsEnd);
  return { front, payload };
}

/** The message of a record; `fileOf` names the body's file. Throws `E_QUEUE_RECORD`. */
export function decodeMessage(record: Buffer, fileOf: (id: string) => string): QueuedMessage {
  if (record.length < headBytes + crcBytes) throw unreadable('message');
  const factsEnd = headBytes + record.readUInt32BE(1);
  const payloadBytes = record.readUInt32BE(5);
  if (record.length !== factsEnd + payloadBytes + crcBytes) throw unreadable('message');
  const [crcAt, payloadAt] = placesOf(record, factsEnd);
  if (record.readUInt32BE(crcAt) !== crc32(record.subarray(0, factsEnd))) throw unreadable('message');
  const { shared, file } = parseRecord(record.subarray(headBytes, factsEnd), 'message') as {
    shared: Omit<QueuedMessage, 'body'>;
    file?: FileFacts;
  };
  const payload = record.subarray(payloadAt, payloadAt + payloadBytes);
  const body: Body =
    file === undefined
      ? bodyFromBytes(payload)
      : bodyFromFile({ ...file, headerBytes: payload, file: fileOf(shared.id), isOwned: false });
  return { ...shared, body };
}

/** Where the checksum and the payload are. Throws `E_QUEUE_RECORD` for versions that are not known. */
function placesOf(record: Buffer, factsEnd: number): readonly [crcAt: number, payloadAt: number] {
  if (record[0] === version) return [factsEnd, factsEnd + crcBytes];
  if (record[0] === 1) return [record.length - crcBytes, factsEnd];
  throw unreadable('message');
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
