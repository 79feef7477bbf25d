/** `subscriptions`: the subscribed mailboxes of a Maildir, shared with Dovecot. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Owner, replaceFile, textOf, unlessMissing } from './disk.js';
import { decodeLevels, encodeLevels } from './folder-name.js';

/** Dovecot's second format: levels are apart by tabs. The first has a name a line, with dots. */
const versionTwo = 'V\t2\n\n';
const namesMax = 20_000;

/** The subscribed names. */
export class SubscriptionsFile {
  readonly #path: string;
  readonly #owner: Owner | undefined;
  #names: ReadonlySet<string> = new Set();
  #seen = '';

  constructor(maildir: string, owner: Owner | undefined) {
    this.#path = join(maildir, 'subscriptions');
    this.#owner = owner;
  }

  /** All of them. */
  get names(): ReadonlySet<string> {
    return this.#names;
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** Reads the file again when it changed; returns whether it did. */
  async refresh(): Promise<boolean> {
    const found = await unlessMissing(stat(this.#path), undefined);
    const seen = found === undefined ? '' : `${found.ino} ${found.mtimeMs} ${found.size}`;
    if (seen === this.#seen) return false;
    this.#names = parse((await textOf(this.#path)) ?? '');
    this.#seen = seen;
    return true;
  }

  /** Writes the names as `change` leaves them. */
  async change(change: (names: Set<string>) => void): Promise<void> {
    await this.refresh();
    const names = new Set(this.#names);
    change(names);
    const lines = [...names].slice(0, namesMax).map((name) => `${encodeLevels(name, '\t')}\n`);
    await replaceFile(this.#path, versionTwo + lines.join(''), this.#owner);
    await this.refresh();
  }
}

function parse(text: string): ReadonlySet<string> {
  const isTwo = text.startsWith('V\t2\n');
  const lines = text.split('\n').slice(isTwo ? 1 : 0, namesMax);
  const names = lines.flatMap((line) => {
    const name = line === '' ? undefined : decodeLevels(line, isTwo ? '\t' : '.');
    return name === undefined ? [] : [name];
  });
  return new Set(names);
}
