/** How much of the memory that this process may use is in use, looked at now and then, so that asking costs nothing. */
import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import type { Clock } from './clock.js';

/** A look is good for so long. */
const freshMs = 500;

/** Asked before something new is begun. */
export interface MemoryShare {
  /** From 0 to 1, as of the last look. */
  share(): number;
}

/** What a look finds, in octets. */
export interface MemoryFacts {
  readonly heap: number;
  /** Where the runtime gives up. */
  readonly heapMax: number;
  /** Message bodies and buffers are outside the heap. */
  readonly outside: number;
  /** What the system lets the process have in all; `undefined` when it does not say. */
  readonly systemMax: number | undefined;
}

/** Looks when somebody asks and the last look is old. */
export function createMemoryShare(clock: Clock, look: () => MemoryFacts = lookAtProcess): MemoryShare {
  let share = 0;
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  return {
    share() {
      if (clock.monotonic() - lookedAtMs < freshMs) return share;
      lookedAtMs = clock.monotonic();
      const { heap, heapMax, outside, systemMax } = look();
      const ofSystem = systemMax === undefined ? 0 : (heap + outside) / systemMax;
      share = Math.max(heap / heapMax, ofSystem);
      return share;
    },
  };
}

const mib = 1_048_576;
/**
 * The part of V8's limit that is for young objects, three semi-spaces: 16 MiB each, 64 since V8 13. It gives up when the
 * old ones have no room, long before the whole limit is in use where heaps are small.
 */
const youngOctetsMax = (Number.parseInt(process.versions.v8, 10) >= 13 ? 192 : 48) * mib;

/** What the runtime maps from files is left out: the system takes it back when it needs it. */
function lookAtProcess(): MemoryFacts {
  const { used_heap_size, heap_size_limit, external_memory } = getHeapStatistics();
  // Without a limit it tells nothing, or more than there is.
  const constrained = process.constrainedMemory();
  const systemMax = constrained > 0 && constrained <= totalmem() ? constrained : totalmem();
  const heapMax = Math.max(heap_size_limit / 4, heap_size_limit - youngOctetsMax);
  return { heap: used_heap_size, heapMax, outside: external_memory, systemMax };
}
