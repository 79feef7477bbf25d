/**
 * A queue store whose process dies at writes: before the write, or after it but before anybody hears of it. What it is
 * laid over is the disk, which goes on; after a death nothing that was asked ever resolves.
 */
import { MailError } from '../../errors.js';
import type { Clock } from '../../services/clock.js';
import type { QueueStore } from '../../services/queue-store.js';
import type { Random } from '../../services/random.js';
import type { Ledger } from './ledger.js';

/** How often what goes wrong; parts of one. */
export interface Faults {
  readonly crash: number;
  /** The store refuses a write: full disk, failing sync. */
  readonly refusal: number;
}

/** What the store needs to know. */
export interface CrashingStoreOptions {
  readonly disk: QueueStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly ledger: Ledger;
  readonly faults: Faults;
  isAlive(): boolean;
  die(): void;
}

/** The store as one process sees it. */
export function createCrashingStore(options: CrashingStoreOptions): QueueStore {
  const { disk, clock, random, faults } = options;
  const never = <T>(): Promise<T> => new Promise<T>(() => {});

  async function write<T>(run: () => Promise<T>): Promise<T> {
    if (!options.isAlive()) return never();
    // A commit takes its time, so that others overtake it.
    await clock.sleep(Math.floor(random.number() * 20));
    if (!options.isAlive()) return never();
    if (random.number() < faults.refusal) throw new MailError('E_QUEUE_STORE', 'no space left on device');
    if (random.number() >= faults.crash) return run();
    if (random.number() < 0.5) await run();
    options.die();
    return never();
  }

  async function read<T>(run: () => Promise<T>): Promise<T> {
    return options.isAlive() ? run() : never();
  }

  return {
    start: (owner, nowMs) => disk.start(owner, nowMs),
    put: (message, lease) => write(() => disk.put(message, lease)),
    lease: (request) => write(() => disk.lease(request)),
    settle: (owner, settlements, additions = []) =>
      write(async () => {
        await disk.settle(owner, settlements, additions);
        options.ledger.committed(settlements, additions);
      }),
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
