/** What was measured, as text. */
import type { Sample } from './measure.js';

const nameWidth = 28;
const cellWidth = 24;

/** The names of the servers over their columns. */
export function headerLine(servers: readonly string[]): string {
  return `${'messages/s (CPU s/1000)'.padEnd(nameWidth)}${servers.map((name) => name.padStart(cellWidth)).join('')}`;
}

/** One point: each server with its rate, its CPU, and how many times its rate ours is. */
export function pointLine(name: string, samples: ReadonlyMap<string, Sample>, ours: string): string {
  const own = samples.get(ours);
  const cells = [...samples].map(([server, sample]) => cell(sample, server === ours ? undefined : own));
  return `${name.padEnd(nameWidth)}${cells.map((text) => text.padStart(cellWidth)).join('')}`;
}

function cell(sample: Sample, own: Sample | undefined): string {
  if (Number.isNaN(sample.rate)) return 'refuses';
  const bound = sample.isLoadBound ? '*' : '';
  const ratio = own === undefined ? '' : ` ${(own.rate / sample.rate).toFixed(1)}x`;
  return `${sample.rate.toFixed(0)}${bound} (${sample.cpuPer1000.toFixed(3)})${ratio}`;
}

/** A target: what is asked for, what was measured, and whether that is enough. */
export interface Target {
  readonly text: string;
  readonly measured: number;
  readonly wanted: number;
  /** Whether less is better. */
  readonly isMost?: boolean;
  readonly unit: string;
}

/** One line a target. */
export function targetLine(target: Target): string {
  const { text, measured, wanted, unit } = target;
  // What could not be measured is not met.
  const isMet = target.isMost === true ? measured <= wanted : measured >= wanted;
  const bound = target.isMost === true ? 'at most' : 'at least';
  return `${isMet ? 'met   ' : 'MISSED'} ${text}: ${measured.toFixed(2)} ${unit} (${bound} ${wanted} ${unit})`;
}
