/**
 * `dovecot-uidlist`: the UIDs that Dovecot gave. It is read once, when we first meet a mailbox, so that clients that come
 * over from Dovecot need not fetch everything again; from then on each server counts for itself.
 */
import { join } from 'node:path';
import { textOf } from './disk.js';
import { baseOf } from './file-name.js';

/** What the list says. */
export interface UidList {
  readonly uidValidity: number;
  readonly uidNext: number;
  readonly uidOf: ReadonlyMap<string, number>;
}

const uidMax = 2 ** 32 - 1;

/** Reads the list of a mailbox; `undefined` when there is none that makes sense. */
export async function readUidList(directory: string): Promise<UidList | undefined> {
  const text = await textOf(join(directory, 'dovecot-uidlist'));
  return text === undefined ? undefined : parseUidList(text);
}

/** Version 3: `3 V<uidvalidity> N<next uid> ...`, then `<uid> [facts] :<file>` ascending. */
export function parseUidList(text: string): UidList | undefined {
  const [header = '', ...lines] = text.split('\n');
  if (!header.startsWith('3 ')) return undefined;
  const number = (letter: string) =>
    Number(new RegExp(` ${letter}(\\d{1,10})(?= |$)`).exec(header)?.[1] ?? 0);
  const uidValidity = number('V');
  if (uidValidity < 1 || uidValidity > uidMax) return undefined;
  const uidOf = new Map<string, number>();
  let last = 0;
  for (const line of lines) {
    const [, uid, name] = /^(\d{1,10}) (?:[^:]* )?:(.+)$/.exec(line) ?? [];
    if (name === undefined) continue;
    // A list that goes back is broken: what follows gets new UIDs.
    if (Number(uid) <= last || Number(uid) > uidMax) break;
    last = Number(uid);
    uidOf.set(baseOf(name), last);
  }
  return { uidValidity, uidNext: Math.max(number('N'), last + 1), uidOf };
}
