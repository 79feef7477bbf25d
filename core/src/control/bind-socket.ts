/** Puts a unix socket in its place: never open to others, never in place of a live one. */
import { randomBytes } from 'node:crypto';
import { chmod, link, lstat, mkdir, mkdtemp, readdir, rename, rmdir, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { MailError, messageOf } from '../errors.js';

/** `sun_path` of the smaller systems, with its final zero. */
const pathOctetsMax = 104;

/** A bound socket. */
export interface BoundSocket {
  /** Takes the socket's file away, if it is still ours. */
  remove(): Promise<void>;
}

/**
 * Makes `server` listen on the unix socket `path`, which only this user can open from the moment it exists: it is
 * bound in a directory of mode 0700, made 0600, and then linked to its place. The socket of a dead process is
 * replaced; a live one, or a file that is no socket, is refused with `E_CONTROL`.
 */
export async function bindSocket(server: Server, path: string): Promise<BoundSocket> {
  if (Buffer.byteLength(path) >= pathOctetsMax - 12) {
    throw new MailError('E_CONTROL', `the path of the control socket is too long for the system: ${path}`);
  }
  const parent = dirname(path);
  let nursery: string | undefined;
  try {
    await mkdir(parent, { recursive: true, mode: 0o700 });
    nursery = await mkdtemp(join(parent, '.c'));
    const born = join(nursery, 's');
    await listen(server, born);
    await chmod(born, 0o600);
    await place(born, path, nursery);
    const { ino } = await lstat(path);
    return { remove: () => removeOwn(path, ino) };
  } catch (cause) {
    server.close();
    if (isControlError(cause)) throw cause;
    throw new MailError('E_CONTROL', `the control socket ${path} could not be made: ${messageOf(cause)}`, {
      cause,
    });
  } finally {
    if (nursery !== undefined) await removeNursery(nursery);
  }
}

/** Links the socket to its place; `link` fails when something is there, so two starts can't both win. */
async function place(born: string, path: string, nursery: string): Promise<void> {
  for (let tries = 0; tries < 3; tries += 1) {
    try {
      await link(born, path);
      return;
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
      await clearStale(path, nursery);
    }
  }
  throw new MailError('E_CONTROL', `another server is just starting on ${path}`);
}

async function clearStale(path: string, nursery: string): Promise<void> {
  const found = await lstat(path).catch(ignoreMissing);
  if (found === undefined) return;
  if (!found.isSocket())
    throw new MailError('E_CONTROL', `${path} is no socket: move it away or choose another path`);
  if (await isAlive(path)) {
    throw new MailError('E_CONTROL', `another server is running and listens on ${path}: stop it first`);
  }
  const aside = join(nursery, randomBytes(4).toString('hex'));
  await rename(path, aside).catch(ignoreMissing);
  const moved = await lstat(aside).catch(ignoreMissing);
  // Somebody replaced the dead socket in between: put theirs back and let the next try find it.
  if (moved !== undefined && moved.ino !== found.ino) await link(aside, path);
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error) => {
      if (hasCode(error, 'ECONNREFUSED') || hasCode(error, 'ENOENT')) resolve(false);
      // A full backlog (EAGAIN) is a sign of life; what we may not open is not ours to replace.
      else if (hasCode(error, 'EAGAIN')) resolve(true);
      else reject(error);
    });
  });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function removeOwn(path: string, ino: number): Promise<void> {
  const found = await lstat(path).catch(ignoreMissing);
  if (found?.ino === ino) await unlink(path).catch(ignoreMissing);
}

/**
 * Not `rm`: it looks at each file by a call whose result Node.js leaves lying about, and after a socket the next `import`
 * of a package does not follow symbolic links, so that a package manager's tree of links falls apart.
 */
async function removeNursery(nursery: string): Promise<void> {
  for (const name of await readdir(nursery)) await unlink(join(nursery, name)).catch(ignoreMissing);
  await rmdir(nursery);
}

function ignoreMissing(error: unknown): undefined {
  if (!hasCode(error, 'ENOENT')) throw error;
}

function hasCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}

function isControlError(error: unknown): boolean {
  return hasCode(error, 'E_CONTROL');
}
