/** Looks at the files of a mailbox and takes in what other programs did: deliveries, flags, removals. */
import { join } from 'node:path';
import type { MailboxEntry } from '@postroad/core';
import { namesIn } from './disk.js';
import { baseOf, flagsOf, lettersIn, placeOfKeyword } from './file-name.js';
import type { Folder, MessageFile, NewFile } from './folder.js';

/** What a look needs. */
export interface ScanOptions {
  readonly keywords: readonly (string | undefined)[];
  /** Whether the letters of keywords mean something else than the last time. */
  readonly areKeywordsChanged: boolean;
  /** The one form of flags. */
  readonly normalise: (flags: readonly string[]) => readonly string[];
  /** Reads a message that is new to us; `undefined` when its file is gone again. */
  readonly adopt: (file: MessageFile, flags: readonly string[]) => Promise<NewFile | undefined>;
  /** UIDs that another server gave, by base. */
  readonly wishedUids?: ReadonlyMap<string, number>;
}

/** Messages read at once when many are new. */
const adoptAtOnce = 16;

/** Looks; whatever is found goes into the folder as commits. */
export async function scanFolder(folder: Folder, options: ScanOptions): Promise<void> {
  const found = await filesOf(folder.path);
  const known = folder.index.all();
  const isMissing = ({ uid }: MailboxEntry) => !found.has(folder.base(uid) ?? '');
  // A file that is renamed while the directory is read may be missed: only one that is missed twice is gone.
  if (known.some(isMissing)) {
    for (const [base, file] of await filesOf(folder.path)) found.set(base, file);
  }
  folder.remove(known.filter(isMissing));
  takeFlags(folder, found, options);
  await takeNew(folder, found, options);
}

async function filesOf(path: string): Promise<Map<string, MessageFile>> {
  const files = new Map<string, MessageFile>();
  // Programs move files from `new` to `cur`: read in this order none is missed on its way.
  for (const place of ['new', 'cur'] as const) {
    for (const name of await namesIn(join(path, place))) {
      if (!name.startsWith('.')) files.set(baseOf(name), { place, name });
    }
  }
  return files;
}

function takeFlags(folder: Folder, found: ReadonlyMap<string, MessageFile>, options: ScanOptions): void {
  const changes: (readonly [MailboxEntry, readonly string[]])[] = [];
  for (const entry of folder.index.all()) {
    const file = found.get(folder.base(entry.uid) ?? '');
    if (file === undefined) continue;
    const before = folder.file(entry.uid);
    if (before?.name === file.name && before.place === file.place && !options.areKeywordsChanged) continue;
    folder.foundFile(entry.uid, file);
    const flags = flagsNow(entry, file, options);
    if (flags.join(' ') !== entry.flags.join(' ')) changes.push([entry, flags]);
  }
  folder.reflag(changes);
}

/** The flags of the file's name, and those keywords that have no letter and so can't stand there. */
function flagsNow(entry: MailboxEntry, file: MessageFile, options: ScanOptions): readonly string[] {
  const { keywords } = options;
  const extra = entry.flags.filter((flag) => !flag.startsWith('\\') && placeOfKeyword(keywords, flag) < 0);
  return options.normalise([...flagsOf(lettersIn(file.name), keywords), ...extra]);
}

async function takeNew(
  folder: Folder,
  found: ReadonlyMap<string, MessageFile>,
  options: ScanOptions,
): Promise<void> {
  const wished = options.wishedUids ?? new Map<string, number>();
  const fresh = [...found]
    .filter(([base]) => folder.uidOf(base) === undefined)
    .map(([base, file]) => ({ base, file, uid: wished.get(base), seconds: Number.parseInt(base, 10) || 0 }))
    .sort(
      (a, b) =>
        (a.uid ?? Number.POSITIVE_INFINITY) - (b.uid ?? Number.POSITIVE_INFINITY) ||
        a.seconds - b.seconds ||
        (a.base < b.base ? -1 : 1),
    );
  for (let at = 0; at < fresh.length; at += adoptAtOnce) {
    const some = fresh.slice(at, at + adoptAtOnce);
    const adopted = await Promise.all(
      some.map(({ file }) =>
        options.adopt(file, options.normalise(flagsOf(lettersIn(file.name), options.keywords))),
      ),
    );
    const there = some.flatMap(({ uid }, index) => {
      const one = adopted[index];
      return one === undefined ? [] : [[one, uid] as const];
    });
    folder.append(
      // Whoever puts a file into `cur`, or moves it there, has seen the message.
      there.map(([one]) => ({ ...one, isOld: one.file.place === 'cur' })),
      there.map(([, uid]) => uid),
    );
  }
}
