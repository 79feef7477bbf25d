/** What is made of what clients heard and of what is in the mailbox: pure. */
import type { Heard, Try } from './load.js';

/** What was measured of one failure. */
export interface Played {
  readonly failure: string;
  /** From its begin to its end. */
  readonly lastedMs: number;
  /** What clients heard from its begin until all was well again. */
  readonly heard: Readonly<Record<Heard, number>>;
  /** Replies to tries that were put off, each once. */
  readonly replies: readonly string[];
  /** The longest time in which no client heard a 250. */
  readonly silenceMs: number;
  /** From its end to the first message that was taken with none put off after it. */
  readonly wellMs: number;
  /** From its end until everything that was taken is in the mailbox. */
  readonly filedMs: number;
  /** Taken, and not in the mailbox. */
  readonly lost: readonly string[];
  /** In the mailbox more than once: delivered again. */
  readonly filedTwice: number;
  /** In the mailbox though the client heard no 250, and handed it in once more. */
  readonly handedInTwice: number;
}

/** What is known when a failure is over. */
export interface Observed {
  readonly failure: string;
  /** All tries, from before it began until after all was well. */
  readonly tries: readonly Try[];
  readonly beganMs: number;
  readonly endedMs: number;
  /** When all was well again. */
  readonly untilMs: number;
  /** When everything was in the mailbox, or nobody waited any longer. */
  readonly filedAtMs: number;
  /** What is in the mailbox, and how often; and what was there before. */
  readonly subjects: ReadonlyMap<string, number>;
  readonly before: ReadonlyMap<string, number>;
}

/** Measures it. */
export function measure(of: Observed): Played {
  const during = of.tries.filter((one) => one.atMs >= of.beganMs && one.atMs <= of.untilMs);
  return {
    failure: of.failure,
    lastedMs: of.endedMs - of.beganMs,
    heard: countsOf(during),
    replies: [...new Set(during.filter((one) => one.heard !== 'taken').map((one) => one.reply))],
    silenceMs: silenceOf(during, of.beganMs),
    wellMs: wellAt(during, of.endedMs) - of.endedMs,
    filedMs: Math.max(0, of.filedAtMs - of.endedMs),
    lost: subjectsTaken(of.tries).filter((subject) => !of.subjects.has(subject)),
    ...copiesOf(of),
  };
}

/** The subjects of the tries that were acknowledged. */
export function subjectsTaken(tries: readonly Try[]): readonly string[] {
  return tries.filter((one) => one.heard === 'taken').map((one) => one.subject);
}

function countsOf(tries: readonly Try[]): Readonly<Record<Heard, number>> {
  const counts = { taken: 0, deferred: 0, refused: 0, closed: 0, silent: 0 };
  for (const { heard } of tries) counts[heard]++;
  return counts;
}

function silenceOf(tries: readonly Try[], beganMs: number): number {
  let lastMs = beganMs;
  let longestMs = 0;
  for (const { heard, atMs } of tries) {
    if (heard !== 'taken') continue;
    longestMs = Math.max(longestMs, atMs - lastMs);
    lastMs = atMs;
  }
  return longestMs;
}

/** When the first message was taken after which none was put off; its end, when mail was taken all the time. */
function wellAt(tries: readonly Try[], endedMs: number): number {
  const before = tries.filter((one) => one.atMs < endedMs && one.heard === 'taken').at(-1);
  const wasServing = before !== undefined && endedMs - before.atMs < 1_000;
  const putOff = tries.filter((one) => one.atMs >= endedMs && one.heard !== 'taken').at(-1);
  if (putOff === undefined && wasServing) return endedMs;
  const fromMs = putOff?.atMs ?? endedMs;
  return tries.find((one) => one.atMs > fromMs && one.heard === 'taken')?.atMs ?? endedMs;
}

function copiesOf({ tries, subjects, before }: Observed): Pick<Played, 'filedTwice' | 'handedInTwice'> {
  const taken = new Set(subjectsTaken(tries));
  const ours = new Set(tries.map((one) => one.subject));
  let filedTwice = 0;
  let handedInTwice = 0;
  for (const [subject, count] of subjects) {
    // Nothing that was there before may come again either.
    filedTwice += ours.has(subject) ? count - 1 : count - (before.get(subject) ?? count);
    if (ours.has(subject) && !taken.has(subject)) handedInTwice++;
  }
  return { filedTwice, handedInTwice };
}
