import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isMailError } from '../errors.js';
import { readBody } from './body.js';
import { createBodyWriter } from './body-writer.js';
import { createSpool } from './spool.js';

let root: string;
let directory: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'spool-test-'));
  directory = join(root, 'spool');
});

afterEach(() => rm(root, { recursive: true, force: true }));

async function files(): Promise<string[]> {
  return readdir(directory).catch(() => []);
}

describe('a body up to the inline limit', () => {
  it('stays in memory and touches no disk', async () => {
    const writer = createSpool({ directory, inlineOctetsMax: 20 }).writer();
    writer.write(Buffer.from('A: b\r\n'));
    writer.write(Buffer.from('\r\nhello\xff', 'latin1'));
    const body = await writer.finish();
    expect(body.file).toBeUndefined();
    expect(Buffer.from(body.inline ?? []).toString('latin1')).toBe('A: b\r\n\r\nhello\xff');
    expect(body.headerSizeBytes).toBe(8);
    expect(body.has8bit).toBe(true);
    expect(await files()).toEqual([]);
  });

  it('does not keep a large buffer alive for a small body', async () => {
    const writer = createSpool({ directory, inlineOctetsMax: 100 }).writer();
    writer.write(Buffer.alloc(1_048_576).subarray(10, 30));
    const body = await writer.finish();
    // Node.js puts small buffers into a pool of 8 or 64 KiB.
    expect(body.inline?.buffer.byteLength).toBeLessThan(1_048_576);
  });
});

describe('a body above the inline limit', () => {
  it('goes to a file of its own that nobody else reads, with the same facts', async () => {
    const content = Buffer.from(`Subject: x\r\n\r\n${'line\r\n'.repeat(50_000)}\xe9`, 'latin1');
    const writer = createSpool({ directory, inlineOctetsMax: 1_000 }).writer();
    for (let at = 0; at < content.length; at += 7_001) {
      if (!writer.write(content.subarray(at, at + 7_001))) await writer.drained();
    }
    const body = await writer.finish();
    expect(body.inline).toBeUndefined();
    expect(body.sizeBytes).toBe(content.length);
    expect(body.sha256).toBe(createHash('sha256').update(content).digest('hex'));
    expect(body.has8bit).toBe(true);
    expect(Buffer.from(body.headerBytes).toString()).toBe('Subject: x\r\n\r\n');
    expect((await readBody(body, 1_000_000)).equals(content)).toBe(true);
    expect((await stat(body.file as string)).mode & 0o777).toBe(0o600);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    await body.release();
    expect(await files()).toEqual([]);
  });

  it('finds the end of the header wherever the chunks are cut', async () => {
    const content = Buffer.from('A: b\r\nC: d\r\n\r\nbody that is long enough to leave the memory');
    for (let cut = 1; cut < 20; cut++) {
      const writer = createSpool({ directory, inlineOctetsMax: 5 }).writer();
      writer.write(content.subarray(0, cut));
      for (let at = cut; at < content.length; at++) writer.write(content.subarray(at, at + 1));
      const body = await writer.finish();
      expect(body.headerSizeBytes, `cut at ${cut}`).toBe(14);
      await body.release();
    }
  });

  it('leaves nothing behind when it is aborted while it writes', async () => {
    const writer = createSpool({ directory, inlineOctetsMax: 10 }).writer();
    for (let count = 0; count < 50; count++) writer.write(Buffer.alloc(10_000, 'x'));
    await writer.abort();
    expect(await files()).toEqual([]);
  });
});

describe('a disk that fails', () => {
  it('ignores what is written after it and rejects at the end with E_SPOOL', async () => {
    await writeFile(directory, 'a file where the directory should be');
    const writer = createSpool({ directory, inlineOctetsMax: 4 }).writer();
    writer.write(Buffer.from('more than four'));
    await writer.drained();
    for (let count = 0; count < 100; count++) writer.write(Buffer.alloc(10_000));
    await expect(writer.finish()).rejects.toSatisfy((error) => isMailError(error, 'E_SPOOL'));
  });

  it('rejects when the disk is full, and removes what it wrote', async () => {
    // Writing to /dev/full always says that no space is left; a missing device would fail to open, which is as good.
    const writer = createBodyWriter({ newFile: async () => '/dev/full/none', inlineOctetsMax: 4 });
    writer.write(Buffer.alloc(100_000));
    await expect(writer.finish()).rejects.toSatisfy((error) => isMailError(error, 'E_SPOOL'));
    await expect(writer.abort()).resolves.toBeUndefined();
  });
});

describe('store', () => {
  it('refuses a stream above the limit and keeps none of it', async () => {
    const spool = createSpool({ directory, inlineOctetsMax: 10 });
    async function* endless() {
      for (;;) yield Buffer.alloc(1_000, 'x');
    }
    await expect(spool.store(endless(), 50_000)).rejects.toSatisfy((error) =>
      isMailError(error, 'E_BODY_TOO_LARGE'),
    );
    expect(await files()).toEqual([]);
  });
});

describe('open', () => {
  it('removes what a dead process has left, and nothing of the living or of others', async () => {
    const spool = createSpool({ directory, inlineOctetsMax: 1 });
    expect(await spool.open()).toBe(0);
    await mkdir(directory);
    const ours = await spool.store(Buffer.from('ours, in use'));
    const hex = 'ab'.repeat(12);
    // The same process id in an earlier life, a process that can not be, and one that runs.
    await writeFile(join(directory, `${process.pid}-${'0'.repeat(16)}-${hex}.spool`), '');
    await writeFile(join(directory, `4194305-${'0'.repeat(16)}-${hex}.spool`), '');
    await writeFile(join(directory, `${process.ppid}-${'0'.repeat(16)}-${hex}.spool`), '');
    await writeFile(join(directory, 'notes.txt'), '');
    expect(await spool.open()).toBe(2);
    expect(await files()).toHaveLength(3);
    await ours.release();
  });
});
