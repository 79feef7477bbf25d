/**
 * The shards of a queue that several workers work: one directory each, the first one the queue's own directory, so that one
 * process and several find the same mail. A worker opens every shard whose number is its own index, counted around; so
 * what is left of a time with more workers is worked too, and the worker that takes a dead one's place opens its shard.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

const prefix = 'shard-';

/** The directories of the shards of a worker, its own first. */
export async function shardsOf(
  directory: string,
  { index, count }: { readonly index: number; readonly count: number },
): Promise<readonly string[]> {
  const known = await numbersIn(directory);
  const last = Math.max(count - 1, ...known);
  const shards: string[] = [];
  for (let number = index; number <= last; number += count) {
    // Shards that were never made are left so, but for the worker's own.
    if (number === index || number === 0 || known.includes(number)) shards.push(place(directory, number));
  }
  return shards;
}

function place(directory: string, number: number): string {
  return number === 0 ? directory : join(directory, `${prefix}${number}`);
}

async function numbersIn(directory: string): Promise<readonly number[]> {
  let names: readonly string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names.flatMap((name) => {
    const number = name.startsWith(prefix) ? Number(name.slice(prefix.length)) : Number.NaN;
    return Number.isSafeInteger(number) && number > 0 ? [number] : [];
  });
}
