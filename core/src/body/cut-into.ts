/** A stream in parts of one size, for what is kept or sent part by part. */

/** The stream in parts of `partBytes`, the last one shorter. Each is a copy: the stream's views may be filled again. */
export async function* cutInto(
  stream: AsyncIterable<Uint8Array>,
  partBytes: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of stream) {
    for (let at = 0; at < piece.length; ) {
      const taken = piece.subarray(at, at + partBytes - bytes);
      pieces.push(Uint8Array.from(taken));
      bytes += taken.length;
      at += taken.length;
      if (bytes < partBytes) continue;
      yield joined(pieces, bytes);
      pieces = [];
      bytes = 0;
    }
  }
  if (bytes > 0) yield joined(pieces, bytes);
}

function joined(pieces: readonly Uint8Array[], bytes: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
