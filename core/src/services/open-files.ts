/** How many files and sockets this process may have open at once. */
import { readFileSync } from 'node:fs';

/** The limit of the system; infinity where it has none or does not tell. */
export function openFilesMax(read: () => string = () => readFileSync('/proc/self/limits', 'latin1')): number {
  let text: string;
  try {
    text = read();
  } catch {
    // Only Linux tells it there. Without a bound of ours the system's own ends accepting.
    return Number.POSITIVE_INFINITY;
  }
  const soft = /^Max open files +(\d+)/m.exec(text)?.[1];
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
}
