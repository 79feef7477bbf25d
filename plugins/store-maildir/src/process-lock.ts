/** One process at a time has a directory of Maildirs: a lock file with its number, which the next one checks. */
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MailError } from '@postroad/core';
import { hasCode, makeDirectory, removeFile, textOf } from './disk.js';

const lockName = 'postroad-lock';

/** Takes the lock; resolves with how to give it back. `E_STATE` when a living process has it. */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  await makeDirectory(directory, undefined);
  const path = join(directory, lockName);
  const own = `${process.pid} ${await startOf(process.pid)}\n`;
  for (let tries = 0; tries < 3; tries++) {
    try {
      const handle = await open(path, 'wx', 0o600);
      await handle.writeFile(own).finally(() => handle.close());
      return () => removeFile(path);
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
    const [, pid = '', start = ''] = /^(\d+) (\d*)/.exec((await textOf(path)) ?? '') ?? [];
    if (pid !== '' && start === (await startOf(Number(pid))) && isAlive(Number(pid)))
      throw new MailError('E_STATE', `the Maildirs in ${directory} are open in process ${pid}`);
    await removeFile(path);
  }
  throw new MailError('E_STATE', `the Maildirs in ${directory} are being opened by another process`);
}

/** When a process started, so that a number used again is told apart; `''` where the system does not say. */
async function startOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  // The name in parentheses may hold anything; the start is the 20th field behind it.
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It lives but belongs to somebody else.
    return hasCode(error, 'EPERM');
  }
}
