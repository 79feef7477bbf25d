/**
 * The list in memory over a file that only grows while the server runs: whoever changes it, the server or a command,
 * appends a line. The server reads what was appended and writes the file anew, without what is over, when it starts.
 */
import { appendFile, mkdir, open, rename, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '@postroad/core';
import { formatLine, type ListLine, parseLine, type SuppressedAddress } from './entry.js';

/** What a list is made of. */
export interface SuppressionListOptions {
  readonly file: string;
  readonly entriesMax: number;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
}

/** How often the file is looked at for lines of others. */
const recheckMs = 2_000;

/** The list. Look-ups do not wait for the disk unless somebody else has changed the file. */
export class SuppressionList {
  readonly #options: SuppressionListOptions;
  readonly #entries = new Map<string, SuppressedAddress>();
  #readOctets = 0;
  #checkedAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(options: SuppressionListOptions) {
    this.#options = options;
  }

  /** Reads the file and writes it anew; a missing one is an empty list. */
  async start(): Promise<void> {
    const { file } = this.#options;
    await mkdir(dirname(file), { recursive: true });
    await this.#readOn();
    const lines = this.entries().map(formatLine).join('');
    await writeFile(`${file}.new`, lines, { mode: 0o600, flush: true });
    await rename(`${file}.new`, file);
    this.#readOctets = Buffer.byteLength(lines);
  }

  /** The entry of an address, while it holds. */
  async find(address: string): Promise<SuppressedAddress | undefined> {
    const { clock } = this.#options;
    if (clock.monotonic() - this.#checkedAtMs >= recheckMs) await this.#readOn();
    const entry = this.#entries.get(address);
    return entry !== undefined && entry.untilMs > clock.now() ? entry : undefined;
  }

  /** All entries that hold, oldest first. */
  entries(): readonly SuppressedAddress[] {
    const now = this.#options.clock.now();
    return [...this.#entries.values()].filter((entry) => entry.untilMs > now);
  }

  /** Adds or removes, at once in memory and then in the file; rejects when that can not be written. */
  async change(line: ListLine): Promise<void> {
    this.#apply(line);
    await appendFile(this.#options.file, formatLine(line), { mode: 0o600 });
  }

  #apply(line: ListLine): void {
    this.#entries.delete(line.address);
    if ('isRemoved' in line) return;
    this.#entries.set(line.address, line);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#options.entriesMax) break;
      this.#entries.delete(oldest);
    }
  }

  async #readOn(): Promise<void> {
    this.#checkedAtMs = this.#options.clock.monotonic();
    this.#reading ??= this.#readAppended().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  /** Reads the whole lines behind what was read before. A file that shrank was put in place by somebody: all of it. */
  async #readAppended(): Promise<void> {
    const { file } = this.#options;
    const facts = await stat(file).catch(() => undefined);
    if (facts === undefined || facts.size === this.#readOctets) return;
    if (facts.size < this.#readOctets) {
      this.#entries.clear();
      this.#readOctets = 0;
    }
    const handle = await open(file, 'r');
    try {
      let rest = '';
      for await (const chunk of handle.createReadStream({
        start: this.#readOctets,
        encoding: 'utf8',
        autoClose: false,
      })) {
        const lines = (rest + (chunk as string)).split('\n');
        rest = lines.pop() ?? '';
        for (const text of lines) {
          this.#readOctets += Buffer.byteLength(text) + 1;
          const line = parseLine(text);
          if (line !== undefined) this.#apply(line);
        }
      }
    } finally {
      await handle.close();
    }
  }
}
