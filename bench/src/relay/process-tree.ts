/** What a process and all its children have used: for servers that are many processes. Linux only. */
import { readdirSync, readFileSync } from 'node:fs';

/** Time and memory of a tree of processes. */
export interface TreeUse {
  readonly cpuMs: number;
  readonly rssMb: number;
}

/** The kernel's unit of time in `/proc`. */
const ticksPerSecond = 100;
const pageOctets = 4_096;

/** The use of the process and of everything below it, children that have ended included. */
export function treeUse(root: number): TreeUse {
  const childrenOf = new Map<number, number[]>();
  const use = new Map<number, { readonly ticks: number; readonly pages: number }>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const fields = statOf(name);
    if (fields === undefined) continue;
    const pid = Number(name);
    const number = (at: number): number => Number(fields[at] ?? 0);
    // Fields 14 to 17 are utime, stime and those of children that were waited for; 24 is the resident set.
    use.set(pid, { ticks: number(11) + number(12) + number(13) + number(14), pages: number(21) });
    const parent = number(1);
    childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), pid]);
  }
  let ticks = 0;
  let pages = 0;
  const visit = (pid: number): void => {
    ticks += use.get(pid)?.ticks ?? 0;
    pages += use.get(pid)?.pages ?? 0;
    for (const child of childrenOf.get(pid) ?? []) visit(child);
  };
  visit(root);
  return { cpuMs: (ticks * 1000) / ticksPerSecond, rssMb: (pages * pageOctets) / 1e6 };
}

/** The fields behind the name, which may hold blanks and brackets. */
function statOf(pid: string): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined; // It has ended meanwhile.
  }
}
