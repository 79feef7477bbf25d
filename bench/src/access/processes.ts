/** What a server's processes use, the ones it has started included. */
import { readdir, readFile } from 'node:fs/promises';

/** Hertz of the times in /proc. */
const ticksPerSecond = 100;

interface ProcessFacts {
  readonly parent: number;
  readonly cpuTicks: number;
}

/** Proportional memory of a process and all below it, in KB. */
export async function memoryKb(root: number): Promise<number> {
  let sum = 0;
  for (const pid of (await familyOf(root)).keys()) {
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'latin1').catch(() => '');
    sum += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
  }
  return sum;
}

/** CPU time of a process and all below it, those that have ended included, in milliseconds. */
export async function cpuMs(root: number): Promise<number> {
  let ticks = 0;
  for (const { cpuTicks } of (await familyOf(root)).values()) ticks += cpuTicks;
  return (ticks * 1000) / ticksPerSecond;
}

async function familyOf(root: number): Promise<Map<number, ProcessFacts>> {
  const all = new Map<number, ProcessFacts>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'latin1').catch(() => '');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields.length < 15) continue;
    const cpuTicks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    all.set(Number(name), { parent: Number(fields[1]), cpuTicks });
  }
  const family = new Map<number, ProcessFacts>();
  for (const [pid, facts] of all) if (isBelow(pid, root, all)) family.set(pid, facts);
  return family;
}

function isBelow(pid: number, root: number, all: ReadonlyMap<number, ProcessFacts>): boolean {
  for (let at: number | undefined = pid; at !== undefined && at !== 0; at = all.get(at)?.parent) {
    if (at === root) return true;
  }
  return false;
}
