/** Getting the XML out of what reports come in: gzip, or a zip with one file. Bombs are not unpacked. */

import { promisify } from 'node:util';
import { gunzip, inflateRaw } from 'node:zlib';

const unzipGzip = promisify(gunzip);
const unzipDeflate = promisify(inflateRaw);

/** Octets of XML that are read. */
export const xmlOctetsMax = 32 * 2 ** 20;

/** The XML; rejects for what is neither of these, broken, or too large. */
export async function unpack(octets: Buffer, octetsMax = xmlOctetsMax): Promise<string> {
  const limit = { maxOutputLength: octetsMax };
  if (octets[0] === 0x1f && octets[1] === 0x8b) return (await unzipGzip(octets, limit)).toString('utf8');
  if (octets.subarray(0, 4).equals(Buffer.from('PK\u0003\u0004')))
    return (await firstFile(octets, octetsMax)).toString('utf8');
  if (octets.length > octetsMax) throw new RangeError('the report is too large');
  return octets.toString('utf8');
}

const directoryEnd = 0x06054b50;
const directoryEntry = 0x02014b50;

/** By the directory at the end: sizes in front of the files may be missing (APPNOTE 4.3.6). */
async function firstFile(zip: Buffer, octetsMax: number): Promise<Buffer> {
  let end = zip.length - 22;
  while (end >= 0 && zip.length - end < 65_558 && zip.readUInt32LE(end) !== directoryEnd) end--;
  if (end < 0 || zip.readUInt32LE(end) !== directoryEnd) throw new RangeError('the zip has no directory');
  const entry = zip.readUInt32LE(end + 16);
  if (zip.readUInt32LE(entry) !== directoryEntry) throw new RangeError('the zip is broken');
  const method = zip.readUInt16LE(entry + 10);
  const size = zip.readUInt32LE(entry + 20);
  const local = zip.readUInt32LE(entry + 42);
  const begin = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
  const octets = zip.subarray(begin, begin + size);
  if (method === 0 && octets.length <= octetsMax) return octets;
  if (method === 8) return await unzipDeflate(octets, { maxOutputLength: octetsMax });
  throw new RangeError('the zip is packed in another way');
}
