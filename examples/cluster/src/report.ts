/** What was measured of failures, for people and for programs. */
import type { Played } from './measure.js';

const columns: readonly (readonly [title: string, value: (played: Played) => string])[] = [
  ['failure', ({ failure }) => failure],
  ['kept up', ({ lastedMs }) => seconds(lastedMs)],
  ['clients heard', ({ heard }) => heardOf(heard)],
  ['longest without a 250', ({ silenceMs }) => seconds(silenceMs)],
  ['well after its end', ({ wellMs }) => (wellMs === 0 ? 'at once' : seconds(wellMs))],
  ['all filed after its end', ({ filedMs }) => seconds(filedMs)],
  ['lost', ({ lost }) => String(lost.length)],
  ['twice: delivered / handed in', ({ filedTwice, handedInTwice }) => `${filedTwice} / ${handedInTwice}`],
];

/** The head of the table, in Markdown. */
export const tableHead: string = [columns.map(([title]) => title), columns.map(() => '---')]
  .map(rowOf)
  .join('\n');

/** A line of the table. */
export function tableRow(played: Played): string {
  return rowOf(columns.map(([, value]) => value(played)));
}

/** Whether it was as it must be: nothing lost, and no failure of ours told to a client as its own. */
export function isGood({ lost, heard }: Played): boolean {
  return lost.length === 0 && heard.refused === 0;
}

function heardOf({ taken, deferred, refused, closed, silent }: Played['heard']): string {
  const parts = [
    [taken, '250'],
    [deferred, '4yz'],
    [refused, '5yz'],
    [closed, 'closed'],
    [silent, 'no answer in 15 s'],
  ] as const;
  return parts.flatMap(([count, what]) => (count > 0 ? [`${count} × ${what}`] : [])).join(', ');
}

function rowOf(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1_000).toFixed(1)} s`;
}
