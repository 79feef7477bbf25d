/** How much room a disk has, looked at now and then, so that asking costs nothing. */
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from './clock.js';

/** A disk that is looked at. */
export interface DiskRoom {
  /** Free octets as of the last look; `undefined` before the first, and where it can't be told. */
  freeOctets(): number | undefined;
}

/** A look is good for so long. */
const freshMs = 2_000;

/** Looks at the disk of a directory when somebody asks and the last look is old; begins with a look. */
export function createDiskRoom(directory: string, clock: Clock, look = freeOctetsOf): DiskRoom {
  let free: number | undefined;
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  const refresh = () => {
    lookedAtMs = clock.monotonic();
    look(directory).then(
      (octets) => {
        free = octets;
      },
      () => {
        // Writing to it will tell.
        free = undefined;
      },
    );
  };
  refresh();
  return {
    freeOctets() {
      if (clock.monotonic() - lookedAtMs >= freshMs) refresh();
      return free;
    },
  };
}

/** Of the disk that the directory is on, or will be: it may not be made yet. */
async function freeOctetsOf(directory: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  } catch (error) {
    const parent = dirname(directory);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === directory) throw error;
    return freeOctetsOf(parent);
  }
}
