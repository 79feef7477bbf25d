/** What a program and all that it has started have used, as Linux tells it in `/proc`. */
import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks of `/proc/PID/stat` in a second: 100 on every Linux that Node.js runs on. */
const ticksPerSecond = 100;
const pageBytes = 4_096;

/** What a tree of processes has used. */
export interface TreeUse {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  readonly ticks: number;
  readonly pages: number;
}

/** Adds up the process and its descendants; children that have ended are in the time of their parents. */
export function useOfTree(root: number): TreeUse {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readFacts(Number(name)) ?? []);
  const members = new Set([root]);
  // Children may stand before their parents: look until nobody joins.
  for (let size = 0; size !== members.size; ) {
    size = members.size;
    for (const { pid, parent } of all) if (members.has(parent)) members.add(pid);
  }
  let ticks = 0;
  let pages = 0;
  for (const facts of all) {
    if (!members.has(facts.pid)) continue;
    ticks += facts.ticks;
    pages += facts.pages;
  }
  return { cpuSeconds: ticks / ticksPerSecond, residentBytes: pages * pageBytes };
}

function readFacts(pid: number): ProcessFacts | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    // It has ended meanwhile; its parent has its time.
    return undefined;
  }
  // The name in brackets may hold blanks and brackets itself; field 3 follows it.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const field = (number: number) => fields[number - 3] ?? 0;
  return { pid, parent: field(4), ticks: field(14) + field(15) + field(16) + field(17), pages: field(24) };
}

/** Processor time of such a tree in milliseconds. */
export function cpuMsOf(root: number): number {
  return 1000 * useOfTree(root).cpuSeconds;
}
