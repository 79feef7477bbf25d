/**
 * Memory for small pieces of bodies: many share one allocation, which costs Node.js more than the octets do. A slab is free
 * again when the last of its pieces is forgotten, so pieces should have lives of about the same length.
 */

/** Octets of one slab. */
export const slabOctets = 65_536;

/** Larger pieces have memory of their own: they would leave too much of a slab unused. */
const pieceOctetsMax = slabOctets / 4;

const nothing = Buffer.alloc(0);

/** Gives copies. */
export interface Slab {
  /** The same octets in memory that nobody writes to again, with those of `before` in front of them. */
  copy(octets: Uint8Array, before?: Uint8Array): Buffer;
}

/** An empty slab, and a new one whenever it is full. */
export function createSlab(): Slab {
  let memory = Buffer.alloc(0);
  let end = 0;
  return {
    copy(octets, before = nothing) {
      const length = before.length + octets.length;
      if (length > pieceOctetsMax) return Buffer.concat([before, octets], length);
      if (end + length > memory.length) {
        memory = Buffer.allocUnsafeSlow(slabOctets);
        end = 0;
      }
      const start = end;
      if (before.length > 0) memory.set(before, start);
      memory.set(octets, start + before.length);
      // Pieces begin at a multiple of eight, where reading is fastest.
      end += Math.ceil(length / 8) * 8;
      return memory.subarray(start, start + length);
    },
  };
}
