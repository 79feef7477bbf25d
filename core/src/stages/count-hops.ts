/** Counts the servers a message has passed. */

/** The number of Received fields in a header section. */
export function countHops(headerBytes: Uint8Array): number {
  const { buffer, byteOffset, byteLength } = headerBytes;
  const text = Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
  let hops = 0;
  for (let at = 0; at >= 0 && at < text.length; at = nextLine(text, at)) {
    const first = text.charCodeAt(at) | 0x20;
    if (first === 0x72 && text.slice(at, at + 9).toLowerCase() === 'received:') hops++;
  }
  return hops;
}

function nextLine(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end < 0 ? -1 : end + 1;
}
