/**
 * Whether a DNS message is what its counts and lengths say (RFC 1035 section 4.1). Looked at before anything is read from
 * it: what is cut off, or says that it is longer than it is, must not be taken for an answer.
 */

const headerOctets = 12;
const nameOctetsMax = 255;
/** Types whose data has one length only: A and AAAA. */
const fixedLengths: ReadonlyMap<number, number> = new Map([
  [1, 4],
  [28, 16],
]);

/** Walks over the whole message once; names are skipped, not followed. */
export function isWellFramed(bytes: Buffer): boolean {
  if (bytes.length < headerOctets) return false;
  const [questions, ...counts] = [4, 6, 8, 10].map((at) => bytes.readUInt16BE(at)) as [number, ...number[]];
  let at: number | undefined = headerOctets;
  for (let read = 0; read < questions && at !== undefined; read++) at = behindQuestion(bytes, at);
  const records = counts.reduce((sum, count) => sum + count, 0);
  for (let read = 0; read < records && at !== undefined; read++) at = behindRecord(bytes, at);
  return at !== undefined;
}

function behindQuestion(bytes: Buffer, start: number): number | undefined {
  const at = behindName(bytes, start);
  return at === undefined || at + 4 > bytes.length ? undefined : at + 4;
}

function behindRecord(bytes: Buffer, start: number): number | undefined {
  const at = behindName(bytes, start);
  if (at === undefined || at + 10 > bytes.length) return undefined;
  const length = bytes.readUInt16BE(at + 8);
  const fixed = fixedLengths.get(bytes.readUInt16BE(at));
  if (fixed !== undefined && fixed !== length) return undefined;
  const end = at + 10 + length;
  return end > bytes.length ? undefined : end;
}

function behindName(bytes: Buffer, start: number): number | undefined {
  for (let at = start; at < bytes.length && at - start <= nameOctetsMax; ) {
    const length = bytes[at] as number;
    if (length === 0) return at + 1;
    // A pointer ends the name here (RFC 1035 section 4.1.4).
    if (length >= 0xc0) return at + 2 <= bytes.length ? at + 2 : undefined;
    if (length > 63) return undefined;
    at += 1 + length;
  }
  return undefined;
}
