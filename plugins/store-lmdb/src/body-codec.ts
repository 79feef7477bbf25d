/** Bodies as records: facts and octets of a small one; facts, header and the name of the file of a large one. */

/** A body's record. */
export interface BodyRecord {
  readonly sizeBytes: number;
  readonly headerSizeBytes: number;
  readonly has8bit: boolean;
  /** The name of the file; `''` when `octets` are the whole body. */
  readonly file: string;
  /** The whole body, or the header section of one in a file. */
  readonly octets: Uint8Array;
}

/** Size, header size, whether 8-bit, length of the file's name; then the name, then the octets. */
const headOctets = 8 + 4 + 1 + 1;

/** The stored form. */
export function encodeBody(record: BodyRecord): Buffer {
  const file = Buffer.from(record.file);
  const encoded = Buffer.allocUnsafe(headOctets + file.length + record.octets.length);
  encoded.writeDoubleLE(record.sizeBytes, 0);
  encoded.writeUInt32LE(record.headerSizeBytes, 8);
  encoded[12] = record.has8bit ? 1 : 0;
  encoded[13] = file.length;
  encoded.set(file, headOctets);
  encoded.set(record.octets, headOctets + file.length);
  return encoded;
}

/** The record; `octets` is a view of what was given. */
export function decodeBody(encoded: Buffer): BodyRecord {
  const octetsAt = headOctets + (encoded[13] as number);
  return {
    sizeBytes: encoded.readDoubleLE(0),
    headerSizeBytes: encoded.readUInt32LE(8),
    has8bit: encoded[12] === 1,
    file: encoded.toString('latin1', headOctets, octetsAt),
    octets: encoded.subarray(octetsAt),
  };
}
