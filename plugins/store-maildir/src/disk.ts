/** Files and directories that last: what is written is synced before anybody hears of it. */
import { chown, link, mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Whose files are. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Whether the system said that. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' && codes.includes(code);
}

/** What a promise resolves to, or `otherwise` when there is no such file or directory. */
export async function unlessMissing<T, U>(promise: Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await promise;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return otherwise;
    throw error;
  }
}

/** Syncs a file or a directory by its path. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The text of a file; `undefined` when it is missing. */
export async function textOf(path: string): Promise<string | undefined> {
  return unlessMissing(readFile(path, 'utf8'), undefined);
}

/** The names in a directory; none when it is missing. */
export async function namesIn(path: string): Promise<readonly string[]> {
  return unlessMissing(readdir(path), []);
}

/** The owner of a directory when files made in it would else belong to somebody else: only root can give them away. */
export async function ownerToGive(path: string): Promise<Owner | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = await stat(path);
  return uid === 0 ? undefined : { uid, gid };
}

/**
 * Puts a whole file in the place of the one with that name, at once and for good. Where `touched` is given, its
 * directory is noted there to be synced later.
 */
export async function replaceFile(
  path: string,
  text: string,
  owner: Owner | undefined,
  touched?: Set<string>,
): Promise<void> {
  const temporary = `${path}.postroad-new`;
  const handle = await open(temporary, 'w', 0o600);
  try {
    await handle.writeFile(text);
    if (owner !== undefined) await handle.chown(owner.uid, owner.gid);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
  if (touched === undefined) await syncPath(dirname(path));
  else touched.add(dirname(path));
}

/** Makes an empty file. */
export async function makeMark(path: string, owner: Owner | undefined): Promise<void> {
  const handle = await open(path, 'a', 0o600);
  try {
    if (owner !== undefined) await handle.chown(owner.uid, owner.gid);
  } finally {
    await handle.close();
  }
}

/**
 * Makes a directory and those above it, unless they are there. What was made is synced, or noted in `touched` to be
 * synced later.
 */
export async function makeDirectory(
  path: string,
  owner: Owner | undefined,
  touched?: Set<string>,
): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) {
    if (owner !== undefined) await chown(made, owner.uid, owner.gid);
    if (touched === undefined) await syncPath(dirname(made));
    else touched.add(dirname(made));
  }
}

/** Another name for a file; `false` where links are impossible, as between file systems. */
export async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (hasCode(error, 'EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) return false;
    throw error;
  }
}

/** Removes a file; one that is gone already is fine. */
export async function removeFile(path: string): Promise<void> {
  await unlessMissing(unlink(path), undefined);
}
