/** Zip archives for tests, good and bad. */
import { deflateRawSync } from 'node:zlib';

/** A file to put in. */
export interface ZipFile {
  readonly name: string;
  readonly content: Uint8Array | string;
  readonly isStored?: boolean;
  readonly isEncrypted?: boolean;
  /** Instead of deflating the content here. */
  readonly packed?: Buffer;
  readonly sizeBytes?: number;
}

/** An archive of these files. */
export function makeZip(files: readonly ZipFile[]): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  for (const file of files) {
    const content = Buffer.from(file.content as Uint8Array);
    const packed = file.packed ?? (file.isStored === true ? content : deflateRawSync(content));
    const name = Buffer.from(file.name);
    const facts = Buffer.alloc(26);
    facts.writeUInt16LE(20, 0);
    facts.writeUInt16LE((file.isEncrypted === true ? 1 : 0) | 0x800, 2);
    facts.writeUInt16LE(file.isStored === true ? 0 : 8, 4);
    // The checksum (at 10) stays 0: nobody looks at it before it would be too late.
    facts.writeUInt32LE(packed.length, 14);
    facts.writeUInt32LE(file.sizeBytes ?? content.length, 18);
    facts.writeUInt16LE(name.length, 22);
    const header = Buffer.concat([Buffer.from([0x50, 0x4b, 3, 4]), facts, name]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    central.push(Buffer.from([0x50, 0x4b, 1, 2, 20, 0]), facts, tail, name);
    local.push(header, packed);
    at += header.length + packed.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...local, directory, end]);
}
