/** Bodies that are too large for a record: files of the queue, synced with their directory before the commit. */
import { constants } from 'node:fs';
import { copyFile, link, mkdir, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Body, type Logger, MailError } from '@postroad/core';

/** The files. */
export interface BodyFiles {
  /** Takes a body in under the message's id; durable when it resolves. Leaves nothing behind when it rejects. */
  take(id: string, body: Body): Promise<void>;
  fileOf(id: string): string;
  /** Removes a file; a failure is logged, and the next start tries again. */
  remove(id: string): Promise<void>;
  /** The ids of all files. */
  list(): Promise<readonly string[]>;
}

/** Opens the directory of bodies, making it when it is missing. */
export async function openBodyFiles(directory: string, log: Logger): Promise<BodyFiles> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const fileOf = (id: string): string => join(directory, id);
  const syncDirectory = sharedSync(directory);

  async function remove(id: string): Promise<void> {
    try {
      await unlink(fileOf(id));
    } catch (error) {
      if (!isMissing(error)) log.warn('queue body could not be removed', { error, messageId: id });
    }
  }

  return {
    async take(id, body) {
      try {
        await writeDurably(body, fileOf(id));
        await syncDirectory();
      } catch (cause) {
        await remove(id);
        throw new MailError('E_QUEUE_STORE', 'a message body could not be written', { cause });
      }
    },
    fileOf,
    remove,
    list: () => readdir(directory),
  };
}

/** Links the spool's file, which costs no copying, or copies what can't be linked; then syncs it. */
async function writeDurably(body: Body, target: string): Promise<void> {
  if (body.file === undefined) await writeStream(body, target);
  else await linkOrCopy(body.file, target);
  const handle = await open(target, 'r+');
  try {
    // A sync that fails is final for this file: what it held may be gone although a second sync would succeed.
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function linkOrCopy(source: string, target: string): Promise<void> {
  try {
    await link(source, target);
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'EXDEV' && code !== 'EPERM' && code !== 'EMLINK') throw error;
    await copyFile(source, target, constants.COPYFILE_EXCL);
  }
}

async function writeStream(body: Body, target: string): Promise<void> {
  const handle = await open(target, 'wx', 0o600);
  try {
    for await (const chunk of body.open()) await handle.writeFile(chunk);
  } finally {
    await handle.close();
  }
}

/** Syncs a directory; calls that come while one runs share the next. */
function sharedSync(directory: string): () => Promise<void> {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const sync = async (): Promise<void> => {
    const handle = await open(directory, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  };
  const start = (): Promise<void> => {
    const mine = sync().finally(() => {
      if (running === mine) running = undefined;
    });
    running = mine;
    return mine;
  };
  return () => {
    if (running === undefined) return start();
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        return start();
      });
    return next;
  };
}

function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
