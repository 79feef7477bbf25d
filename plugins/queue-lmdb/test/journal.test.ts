import { createSeededRandom } from '@postroad/core/testing';
import { describe, expect, it } from 'vitest';
import { blockBytes, createFrameWriter, readFrame } from '../src/journal/frame.js';
import { createJournal } from '../src/journal/journal.js';
import { readJournal } from '../src/journal/read-journal.js';
import { type Change, table } from '../src/tables/tables.js';
import { createSimulatedDisk, type DiskUser, type SimulatedDisk } from './simulated-disk.js';

const epoch = Buffer.from('0123456789abcdef', 'hex');
const counters = [1, 2, 3, 4, 5];
const put = (key: string, value: Buffer | string): Change => ({
  table: table.messages,
  key,
  value: Buffer.from(value),
});
const head = { epoch, sequence: 7, syncedSequence: 6, counters };

function user(): DiskUser {
  let isDead = false;
  return {
    isAlive: () => !isDead,
    die() {
      isDead = true;
    },
    fate: () => 'done',
  };
}

async function journalOn(disk: SimulatedDisk, by: DiskUser = user()) {
  const journal = createJournal({ disk: disk.journal(by), segmentBytesMax: 64 * blockBytes });
  await journal.restart(epoch);
  return journal;
}

const read = (disk: SimulatedDisk, applied = 0) => readJournal(disk.journal(user()), epoch, applied);
const keysOf = (frames: readonly { readonly changes: readonly Change[] }[]) =>
  frames.flatMap((frame) => frame.changes.map((change) => change.key));

describe('a frame', () => {
  const changes: Change[] = [
    put('m1', 'x'.repeat(10_000)),
    { table: table.due, key: 'mx:\u00e9\u0000\u00ff1', value: Buffer.alloc(0) },
    { table: table.facts, key: 'fact/\u20ac', value: Buffer.from('1') },
    { table: table.leased, key: 'm0/00000000', value: undefined },
  ];

  it('is read as it was written, in whole blocks', () => {
    const bytes = Buffer.from(createFrameWriter(1 << 20).write(head, changes));
    expect(bytes.length % blockBytes).toBe(0);
    expect(readFrame(bytes, 0, epoch)).toEqual({ ...head, sizeBytes: bytes.length, changes });
  });

  it('is refused when any octet is changed, when it is cut off, and in another epoch', () => {
    const bytes = Buffer.from(createFrameWriter(1 << 20).write(head, [put('m1', 'hello')]));
    for (let at = 0; at < 64 + 3 + 2 + 4 + 5; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ 1;
      expect(readFrame(changed, 0, epoch), `octet ${at}`).toBeUndefined();
    }
    for (let length = 0; length < 78; length++) {
      expect(readFrame(bytes.subarray(0, length), 0, epoch), `length ${length}`).toBeUndefined();
    }
    expect(readFrame(bytes, 0, Buffer.alloc(8))).toBeUndefined();
  });

  it('is written whole also when it is larger than any before', () => {
    const writer = createFrameWriter(8 * blockBytes);
    for (const size of [10, 50_000, 20, 200_000, 30]) {
      const bytes = Buffer.from(writer.write(head, [put('m1', Buffer.alloc(size, 7))]));
      expect(readFrame(bytes, 0, epoch)?.changes[0]?.value?.length).toBe(size);
    }
  });
});

describe('the journal', () => {
  it('gives back what was appended, also when segments were used again', async () => {
    const disk = createSimulatedDisk(createSeededRandom(1));
    const journal = await journalOn(disk);
    for (let number = 1; number <= 300; number++) {
      await journal.append([put(`m${number}`, 'x'.repeat(6000))], counters, number % 3 === 0);
      if (!journal.isFull) continue;
      await journal.beginSegment();
      journal.free(number - 40);
    }
    expect(disk.files.size).toBeLessThan(5);
    const { frames, damaged } = await read(disk, 250);
    expect(damaged).toEqual([]);
    expect(keysOf(frames)).toEqual(Array.from({ length: 50 }, (_, at) => `m${251 + at}`));
    expect(frames.at(-1)?.counters).toEqual(counters);
  });

  it('sees no frame in what a message contains, nor frames of another epoch', async () => {
    const disk = createSimulatedDisk(createSeededRandom(2));
    const journal = await journalOn(disk);
    const forged = createFrameWriter(1 << 20).write({ ...head, epoch: Buffer.alloc(8), sequence: 2 }, [
      put('forged', 'x'),
    ]);
    // Wherever it lies, one copy of it begins at a block.
    await journal.append(
      [put('m1', Buffer.concat(Array.from({ length: 9 }, () => forged)))],
      counters,
      false,
    );
    expect(keysOf((await read(disk)).frames)).toEqual(['m1']);
    expect((await readJournal(disk.journal(user()), Buffer.alloc(8, 1), 0)).frames).toEqual([]);
  });

  it('takes nothing after a write that failed, until it is begun anew', async () => {
    for (const failing of ['write', 'sync'] as const) {
      const disk = createSimulatedDisk(createSeededRandom(3));
      const by = user();
      const journal = await journalOn(disk, by);
      await journal.append([put('m1', 'one')], counters, false);
      // Only behind what is lazy is there a sync of its own.
      const lazy = failing === 'sync' ? ['lazy'] : [];
      for (const key of lazy) await journal.append([put(key, 'x')], counters, true);
      let isFailing = true;
      by.fate = (call) => {
        if (!isFailing || call !== failing) return 'done';
        isFailing = false;
        return 'refused';
      };
      await expect(journal.append([put('m2', 'two')], counters, false)).rejects.toMatchObject({
        code: 'E_QUEUE_STORE',
      });
      expect(journal.isBroken).toBe(true);
      await expect(journal.append([put('m3', 'three')], counters, false)).rejects.toMatchObject({
        code: 'E_QUEUE_STORE',
      });
      // What was acknowledged is kept, what was refused is not found.
      expect(keysOf((await read(disk)).frames), failing).toEqual(['m1', ...lazy]);
      const next = Buffer.from('fedcba9876543210', 'hex');
      await journal.restart(next);
      await journal.append([put('m4', 'four')], counters, false);
      expect(keysOf((await readJournal(disk.journal(user()), next, 1 + lazy.length)).frames)).toEqual(['m4']);
    }
  });

  it('reports damage in the middle and goes on with the rest', async () => {
    const disk = createSimulatedDisk(createSeededRandom(4));
    const journal = await journalOn(disk);
    for (let number = 1; number <= 5; number++) {
      await journal.append([put(`m${number}`, 'x'.repeat(100))], counters, false);
    }
    const [name, file] = [...disk.files][0] as [string, { cache: Buffer }];
    file.cache[2 * blockBytes + 100] = 0x21;
    const content = await read(disk);
    expect(keysOf(content.frames)).toEqual(['m1', 'm2', 'm4', 'm5']);
    expect(content.damaged).toEqual([`${name}.damaged`]);
  });

  it('stops at a torn end, whatever is behind it', async () => {
    const disk = createSimulatedDisk(createSeededRandom(5));
    const journal = await journalOn(disk);
    await journal.append([put('m1', 'one')], counters, false);
    await journal.append([put('m2', 'two')], counters, true);
    await journal.append([put('m3', 'three')], counters, true);
    const file = [...disk.files.values()][0] as { cache: Buffer };
    file.cache[blockBytes + 70] = 0x21;
    const content = await read(disk);
    expect(keysOf(content.frames)).toEqual(['m1']);
    expect(content.damaged).toEqual([]);
  });
});

it('finds everything that was acknowledged, and nothing that is torn, over deaths and lost power', async () => {
  const first = Number(process.env.SEED ?? 1);
  const seeds = process.env.SEED === undefined ? 300 : 1;
  for (let seed = first; seed < first + seeds; seed++) await oneDeath(seed);
});

async function oneDeath(seed: number): Promise<void> {
  const random = createSeededRandom(seed);
  const disk = createSimulatedDisk(random);
  const by = user();
  const journal = await journalOn(disk, by);
  let callsLeft = 1 + Math.floor(random.number() * 120);
  by.fate = () => (callsLeft-- === 0 ? 'death' : 'done');
  let acknowledged = 0;
  let appended = 0;
  const run = async (): Promise<void> => {
    for (;;) {
      const isLazy = random.number() < 0.3;
      appended++;
      const size = Math.floor(random.number() * 9000);
      await journal.append([put(`m${appended}`, 'x'.repeat(size))], counters, isLazy);
      if (!isLazy) acknowledged = appended;
      if (journal.isFull) await journal.beginSegment();
    }
  };
  void run();
  while (by.isAlive()) await new Promise((resolve) => setImmediate(resolve));
  const isPowerLost = random.number() < 0.6;
  if (isPowerLost) disk.losePower();
  const { frames, damaged } = await read(disk);
  const names = keysOf(frames);
  expect(damaged, `SEED=${seed}`).toEqual([]);
  expect(names.length, `SEED=${seed}: acknowledged`).toBeGreaterThanOrEqual(acknowledged);
  expect(names, `SEED=${seed}`).toEqual(names.map((_, at) => `m${at + 1}`));
  // What was only written survives the process, though not the power.
  if (!isPowerLost) expect(names.length, `SEED=${seed}: written`).toBeGreaterThanOrEqual(appended - 1);
}
