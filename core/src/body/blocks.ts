/** Memory that bodies on their way to the disk are gathered in, used again and again. */

/** Octets of one block: what one system call writes. */
export const blockOctets = 131_072;

/** Blocks that nobody uses are kept up to this number. */
const freeMax = 16;

/** Hands out blocks. Who takes one gives it back, or forgets it. */
export interface Blocks {
  take(): Buffer;
  giveBack(block: Buffer): void;
}

/** A source of blocks. What is in a block that is taken is undefined. */
export function createBlocks(): Blocks {
  const free: Buffer[] = [];
  return {
    take: () => free.pop() ?? Buffer.allocUnsafeSlow(blockOctets),
    giveBack(block) {
      if (free.length < freeMax) free.push(block);
    },
  };
}
