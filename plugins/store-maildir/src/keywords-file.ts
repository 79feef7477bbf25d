/**
 * `dovecot-keywords`: which keyword each of the letters from a to z stands for in the file names of one mailbox, a line
 * with number and keyword for each. Dovecot and we change it in the same way: whole, under the lock `dovecot-keywords.lock`.
 */
import { open, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Clock, MailError } from '@postroad/core';
import { hasCode, type Owner, removeFile, syncPath, textOf, unlessMissing } from './disk.js';
import { keywordLettersMax, placeOfKeyword } from './file-name.js';

/** How long a lock is waited for, and when one that nobody touches is left over. */
const lockWaitMs = 10_000;
const lockStaleMs = 60_000;
const lockPollMs = 20;
const keywordLengthMax = 255;

/** The keywords of one mailbox by their letters. */
export class KeywordsFile {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #owner: Owner | undefined;
  #keywords: readonly (string | undefined)[] = [];
  #seen = '';

  constructor(directory: string, clock: Clock, owner: Owner | undefined) {
    this.#path = join(directory, 'dovecot-keywords');
    this.#clock = clock;
    this.#owner = owner;
  }

  /** By place; some may be missing. */
  get keywords(): readonly (string | undefined)[] {
    return this.#keywords;
  }

  /** Reads the file again when it changed; returns whether it did. */
  async refresh(): Promise<boolean> {
    const found = await unlessMissing(stat(this.#path), undefined);
    const seen = found === undefined ? '' : `${found.ino} ${found.mtimeMs} ${found.size}`;
    if (seen === this.#seen) return false;
    this.#keywords = parse((await textOf(this.#path)) ?? '');
    this.#seen = seen;
    return true;
  }

  /** Gives letters to keywords that have none, while there are letters. The others stay without. */
  async learn(flags: readonly string[]): Promise<void> {
    const isNew = (flag: string) => !flag.startsWith('\\') && placeOfKeyword(this.#keywords, flag) < 0;
    if (!flags.some(isNew) || !this.#hasRoom()) return;
    const lock = `${this.#path}.lock`;
    const handle = await this.#lock(lock);
    try {
      await this.refresh();
      const keywords = [...this.#keywords];
      for (const flag of new Set(flags.filter(isNew))) {
        const free = freePlace(keywords);
        if (free < keywordLettersMax) keywords[free] = flag;
      }
      const lines = keywords.flatMap((keyword, at) => (keyword === undefined ? [] : [`${at} ${keyword}\n`]));
      await handle.writeFile(lines.join(''));
      if (this.#owner !== undefined) await handle.chown(this.#owner.uid, this.#owner.gid);
      // Dovecot compares whole seconds: two changes within one must not have the same time.
      const before = await unlessMissing(stat(this.#path), undefined);
      const seconds = Math.floor(this.#clock.now() / 1000);
      const time = Math.max(seconds, Math.floor((before?.mtimeMs ?? 0) / 1000) + 1);
      await handle.utimes(time, time);
      await handle.sync();
      await rename(lock, this.#path);
    } catch (error) {
      await removeFile(lock);
      throw error;
    } finally {
      await handle.close();
    }
    await syncPath(dirname(this.#path));
    await this.refresh();
  }

  #hasRoom(): boolean {
    return freePlace(this.#keywords) < keywordLettersMax;
  }

  async #lock(path: string) {
    const until = this.#clock.monotonic() + lockWaitMs;
    for (;;) {
      try {
        return await open(path, 'wx', 0o600);
      } catch (error) {
        if (!hasCode(error, 'EEXIST')) throw error;
      }
      const found = await unlessMissing(stat(path), undefined);
      if (found !== undefined && this.#clock.now() - found.mtimeMs > lockStaleMs) await removeFile(path);
      else if (this.#clock.monotonic() > until)
        throw new MailError('E_MAILBOX_STORE', 'the keywords of a mailbox are locked by another program');
      else await this.#clock.sleep(lockPollMs);
    }
  }
}

function freePlace(keywords: readonly (string | undefined)[]): number {
  const hole = Array.from(keywords).indexOf(undefined);
  return hole < 0 ? keywords.length : hole;
}

function parse(text: string): readonly (string | undefined)[] {
  const keywords: (string | undefined)[] = [];
  for (const line of text.split('\n')) {
    const [, at, keyword] = /^(\d{1,2}) ([^\u0000-\u0020\u007f]+)$/.exec(line) ?? [];
    if (keyword === undefined || Number(at) >= keywordLettersMax || keyword.length > keywordLengthMax)
      continue;
    keywords[Number(at)] = keyword;
  }
  return keywords;
}
