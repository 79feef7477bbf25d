/** What a relay has used, with all that it has started. */
import { useOfTree } from '../process-tree.js';
import type { Relay } from './relay.js';

/** Of the process with this number. */
export function useOf(pid: number): Awaited<ReturnType<Relay['use']>> {
  const { cpuSeconds, residentBytes } = useOfTree(pid);
  return { cpuMs: 1000 * cpuSeconds, rssMb: residentBytes / 1e6 };
}
