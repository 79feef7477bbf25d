/**
 * Where the simulated queue is kept over the deaths of its processes, and what a process and its storage know of each other.
 */
import { MailError } from '../../errors.js';
import { createMemoryQueueStore } from '../../memory/memory-queue-store.js';
import type { Clock } from '../../services/clock.js';
import type { QueueStore } from '../../services/queue-store.js';
import type { Random } from '../../services/random.js';

/** How often what goes wrong; parts of one. */
export interface Faults {
  readonly crash: number;
  /** The disk refuses a write: it is full, or a sync fails. */
  readonly refusal: number;
}

/** What becomes of a call that changes the disk. */
export type Fate = 'done' | 'refused' | 'death';

/** A process as its disk sees it. After its death none of its calls may change anything, and none resolves. */
export interface SimulatedProcess {
  isAlive(): boolean;
  die(): void;
  /** Asked at each call that changes the disk. */
  fate(): Fate;
  /** A call takes its time, so that others overtake it. */
  pause(): Promise<void>;
  /** Its timers end with it. */
  readonly clock: Clock;
  readonly random: Random;
}

/** See the file's comment. */
export interface SimulatedStorage {
  /** About how many calls that change the disk a write of the store takes: faults are spread over them. */
  readonly callsPerWrite?: number;
  /** What a process that begins opens. */
  open(process: SimulatedProcess): QueueStore;
  /** The process has died; perhaps the power is gone too. */
  died(): void;
}

/** A store that is whole after every call: processes die before a write, or after it but before anybody hears of it. */
export function createMemoryStorage(): SimulatedStorage {
  const disk = createMemoryQueueStore();
  return { open: (process) => mortalStore(disk, process), died() {} };
}

function mortalStore(disk: QueueStore, process: SimulatedProcess): QueueStore {
  const never = <T>(): Promise<T> => new Promise<T>(() => {});

  async function write<T>(run: () => Promise<T>): Promise<T> {
    if (!process.isAlive()) return never();
    await process.pause();
    if (!process.isAlive()) return never();
    const fate = process.fate();
    if (fate === 'refused') throw new MailError('E_QUEUE_STORE', 'no space left on device');
    if (fate === 'done') return run();
    if (process.random.number() < 0.5) await run();
    process.die();
    return never();
  }

  async function read<T>(run: () => Promise<T>): Promise<T> {
    return process.isAlive() ? run() : never();
  }

  return {
    start: (owner, nowMs) => disk.start(owner, nowMs),
    put: (message, lease) => write(() => disk.put(message, lease)),
    lease: (request) => write(() => disk.lease(request)),
    settle: (owner, settlements, additions = []) => write(() => disk.settle(owner, settlements, additions)),
    nextDueAtMs: (exceptSites) => read(() => disk.nextDueAtMs(exceptSites)),
    message: (id) => read(() => disk.message(id)),
    range: (filter, page) => read(() => disk.range(filter, page)),
    change: (filter, change) => write(() => disk.change(filter, change)),
    count: (filter) => read(() => disk.count(filter)),
    remember: (name, fact) => write(() => disk.remember(name, fact)),
    recall: (name) => read(() => disk.recall(name)),
    close: async () => {},
  };
}
