/** Finds what a test left open: sockets, servers, timers, and files in a directory. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** What was open at a moment. */
export interface OpenThings {
  /** Node's names of open resources, such as `TCPSocketWrap`, with how many there are. */
  readonly resources: ReadonlyMap<string, number>;
}

/** Resources of the test runner and of Node itself that come and go. */
const ignored = new Set([
  'PipeWrap',
  'TTYWrap',
  'MessagePort',
  'FSReqCallback',
  'FSReqPromise',
  'CloseReq',
  'Immediate',
]);

/** Looks at what is open now. */
export function lookAtOpenThings(): OpenThings {
  const resources = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) {
    if (!ignored.has(name)) resources.set(name, (resources.get(name) ?? 0) + 1);
  }
  return { resources };
}

/**
 * Fails with a list when more is open than before. What closes by itself within a few turns of the event loop, such as
 * a socket that has been told to end, is waited for; `turnsMax` bounds the wait.
 */
export async function expectNothingLeaked(before: OpenThings, turnsMax = 2_000): Promise<void> {
  let leaked = compare(before);
  for (let turn = 0; turn < turnsMax && leaked.length > 0; turn++) {
    await new Promise(setImmediate);
    leaked = compare(before);
  }
  if (leaked.length > 0) throw new Error(`left open: ${leaked.join(', ')}`);
}

/** All files under a directory, as paths relative to it; none when it does not exist. */
export async function filesUnder(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(
    (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    },
  );
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
}

function compare(before: OpenThings): string[] {
  const leaked: string[] = [];
  for (const [name, count] of lookAtOpenThings().resources) {
    const known = before.resources.get(name) ?? 0;
    if (count > known) leaked.push(`${count - known} ${name}`);
  }
  return leaked;
}
