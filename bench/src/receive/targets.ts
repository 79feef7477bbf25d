/** What the receiver is to reach, computed from what was measured in one run. */
import type { Sample } from './measure.js';
import { allCoresName } from './peer-workers.js';
import type { Target } from './table.js';

/** The samples of each server by point. */
export type Measured = Map<string, ReadonlyMap<string, Sample>>;

/** The targets whose points were measured. */
export function targetsOf(measured: Readonly<Record<'discard' | 'durable', Measured>>): readonly Target[] {
  return [...discardTargets(measured.discard), ...durableTargets(measured.durable)];
}

function* discardTargets(measured: Measured): Generator<Target> {
  const wanted = { '10 KB, 50 connections': 1.6, '10 KB, 50, pipelined': 2, '10 KB, 50, one each': 5 };
  for (const [point, times] of Object.entries(wanted)) {
    const own = measured.get(point)?.get('postroad');
    const theirs = measured.get(point)?.get('smtp-server');
    if (own === undefined || theirs === undefined) continue;
    const text = `${point}, beside smtp-server`;
    yield { text: `${text}, rate`, measured: own.rate / theirs.rate, wanted: times, unit: 'x' };
    if (point.endsWith('each')) continue;
    // On a machine where load and server share cores the rates are bounded by both; CPU tells what the server needs.
    const saved = theirs.cpuPer1000 / own.cpuPer1000;
    yield { text: `${text}, messages per CPU second`, measured: saved, wanted: times, unit: 'x' };
  }
  const large = measured.get('10 MB, 10');
  yield* times('10 MB, octets per CPU second', large?.get('smtp-server'), large?.get('postroad'), 2);
  const dotted = measured.get('100 KB, 10, all dotted')?.get('postroad');
  const undotted = measured.get('100 KB, 10')?.get('postroad');
  if (dotted === undefined || undotted === undefined) return;
  const ratio = dotted.cpuPer1000 / undotted.cpuPer1000;
  yield {
    text: '100 KB all dotted, CPU beside plain',
    measured: ratio,
    wanted: 1.5,
    isMost: true,
    unit: 'x',
  };
}

function* durableTargets(measured: Measured): Generator<Target> {
  const samples = measured.get('10 KB, 50 connections');
  if (samples === undefined) return;
  // Postfix has its processes on all cores; Haraka here, and our server as it is started for a try, have one.
  for (const [ours, title] of [
    ['post office', 'durable'],
    [allCoresName, 'durable on all cores'],
  ] as const) {
    const own = samples.get(ours);
    if (own !== undefined) yield* durableTargetsOf(title, own, samples);
  }
}

function* durableTargetsOf(
  title: string,
  own: Sample,
  samples: ReadonlyMap<string, Sample>,
): Generator<Target> {
  for (const [name, wanted] of [
    ['Postfix', 6],
    ['Haraka', 12],
  ] as const) {
    const theirs = samples.get(name);
    if (theirs === undefined) continue;
    yield { text: `${title}, beside ${name}, rate`, measured: own.rate / theirs.rate, wanted, unit: 'x' };
  }
  yield* times(`${title}, messages per CPU second, beside Postfix`, samples.get('Postfix'), own, 5);
  const discard = samples.get('discard');
  if (discard === undefined) return;
  const part = (own.rate / discard.rate) * 100;
  yield { text: `${title}, part of accept and discard`, measured: part, wanted: 60, unit: '%' };
}

function* times(
  text: string,
  theirs: Sample | undefined,
  own: Sample | undefined,
  wanted: number,
): Generator<Target> {
  if (theirs === undefined || own === undefined) return;
  yield { text, measured: theirs.cpuPer1000 / own.cpuPer1000, wanted, unit: 'x' };
}
