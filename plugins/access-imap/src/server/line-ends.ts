/** Line ends of appended messages: a bare LF becomes CRLF, as stored messages have it (RFC 9051 section 4.3.1 allows). */

const lf = 0x0a;
const cr = 0x0d;

/** A filter over chunks. It returns the same chunk when there is nothing to mend, which is nearly always. */
export function lineEndFilter(): (chunk: Uint8Array) => Uint8Array {
  let wasCr = false;
  return (chunk) => {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const bare: number[] = [];
    for (let at = buffer.indexOf(lf); at >= 0; at = buffer.indexOf(lf, at + 1)) {
      if (at === 0 ? !wasCr : buffer[at - 1] !== cr) bare.push(at);
    }
    if (buffer.length > 0) wasCr = buffer[buffer.length - 1] === cr;
    return bare.length === 0 ? chunk : mend(buffer, bare);
  };
}

function mend(buffer: Buffer, bare: readonly number[]): Uint8Array {
  const mended = Buffer.allocUnsafe(buffer.length + bare.length);
  let from = 0;
  let to = 0;
  for (const at of bare) {
    to += buffer.copy(mended, to, from, at);
    mended[to++] = cr;
    from = at;
  }
  buffer.copy(mended, to, from);
  return mended;
}
