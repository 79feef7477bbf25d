/** Cuts a stream of octets into lines of JSON, with a limit on each. */

/** Takes chunks, calls back for each whole line without its line feed. */
export interface LineSplitter {
  /** Returns `false` when a line is longer than the limit: the stream is of no use any more. */
  push(chunk: Buffer): boolean;
}

const lineFeed = 0x0a;

/** A splitter whose lines have at most `octetsMax` octets. */
export function splitLines(octetsMax: number, onLine: (line: string) => void): LineSplitter {
  let held: Buffer[] = [];
  let heldOctets = 0;
  const hold = (part: Buffer): boolean => {
    heldOctets += part.length;
    if (heldOctets > octetsMax) return false;
    held.push(part);
    return true;
  };
  return {
    push(chunk) {
      let from = 0;
      for (let at = chunk.indexOf(lineFeed); at !== -1; at = chunk.indexOf(lineFeed, from)) {
        if (!hold(chunk.subarray(from, at))) return false;
        const line = Buffer.concat(held).toString('utf8');
        held = [];
        heldOctets = 0;
        from = at + 1;
        if (line.trim() !== '') onLine(line);
      }
      return hold(chunk.subarray(from));
    },
  };
}
