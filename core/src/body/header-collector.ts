/** Keeps the header section of a body that streams by: everything up to the first empty line, bounded. */

/** Give it every chunk in order; `bytes` is the header section. What belongs to it is copied. */
export class HeaderCollector {
  readonly #octetsMax: number;
  #chunks: Uint8Array[] = [];
  #sizeBytes = 0;
  #isComplete = false;
  /** The last octets before this chunk, where an empty line may begin. */
  #tail = '\r\n';

  constructor(octetsMax: number) {
    this.#octetsMax = octetsMax;
  }

  add(chunk: Uint8Array): void {
    if (this.#isComplete || chunk.length === 0) return;
    const end = this.#emptyLineEnd(chunk);
    const room = this.#octetsMax - this.#sizeBytes;
    const taken = Math.min(end ?? chunk.length, room);
    this.#chunks.push(Buffer.from(chunk.subarray(0, taken)));
    this.#sizeBytes += taken;
    this.#isComplete = end !== undefined || taken === room;
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#chunks, this.#sizeBytes);
  }

  /** The index behind the empty line in this chunk; the line may have begun in an earlier one. */
  #emptyLineEnd(chunk: Uint8Array): number | undefined {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const joint = this.#tail + buffer.toString('latin1', 0, 3);
    const inJoint = joint.indexOf('\r\n\r\n');
    if (inJoint >= 0) return inJoint + 4 - this.#tail.length;
    const inChunk = buffer.indexOf('\r\n\r\n');
    if (inChunk >= 0) return inChunk + 4;
    this.#tail = (this.#tail + buffer.toString('latin1', Math.max(0, buffer.length - 3))).slice(-3);
    return undefined;
  }
}
