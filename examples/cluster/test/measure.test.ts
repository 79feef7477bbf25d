/** What is made of clients' tries and of the mailbox: a loss, a copy, and a refusal must show. */
import { describe, expect, it } from 'vitest';
import { allFailures } from '../dist/failures.js';
import type { Heard, Try } from '../dist/load.js';
import { measure, type Observed } from '../dist/measure.js';
import { isGood, tableHead, tableRow } from '../dist/report.js';

const at = (subject: string, heard: Heard, atMs: number): Try => ({
  subject,
  heard,
  atMs,
  reply: heard === 'deferred' ? '451 later' : '',
});
const tries = [
  at('a.1', 'taken', 100),
  at('b.1', 'deferred', 1_200),
  at('b.2', 'closed', 2_500),
  at('b.3', 'taken', 5_000),
  at('c.1', 'taken', 5_100),
];
const observed: Observed = {
  failure: 'some',
  tries,
  beganMs: 1_000,
  endedMs: 2_000,
  untilMs: 5_200,
  filedAtMs: 6_000,
  subjects: new Map(tries.filter((one) => one.heard === 'taken').map((one) => [one.subject, 1])),
  before: new Map(),
};

describe('what is measured of a failure', () => {
  it('tells what clients heard, and how long it took', () => {
    const played = measure(observed);
    expect(played).toMatchObject({ lastedMs: 1_000, silenceMs: 4_000, wellMs: 3_000, filedMs: 4_000 });
    expect(played).toMatchObject({ lost: [], filedTwice: 0, handedInTwice: 0, replies: ['451 later', ''] });
    expect(played.heard).toEqual({ taken: 2, deferred: 1, refused: 0, closed: 1, silent: 0 });
    expect(isGood(played)).toBe(true);
    expect(tableRow(played)).toBe(
      '| some | 1.0 s | 2 × 250, 1 × 4yz, 1 × closed | 4.0 s | 3.0 s | 4.0 s | 0 | 0 / 0 |',
    );
    expect(tableRow(played).split('|')).toHaveLength(tableHead.split('\n')[0]?.split('|').length ?? 0);
  });

  it('is well at once where mail was taken all the time', () => {
    const served = [at('a.1', 'taken', 1_500), at('b.1', 'taken', 2_300)];
    expect(measure({ ...observed, tries: served }).wellMs).toBe(0);
    expect(measure({ ...observed, tries: [at('b.1', 'taken', 2_300)] }).wellMs).toBe(300);
  });

  it('finds what was acknowledged and is not there', () => {
    const played = measure({ ...observed, subjects: new Map([['a.1', 1]]) });
    expect(played.lost).toEqual(['b.3', 'c.1']);
    expect(isGood(played)).toBe(false);
  });

  it('finds copies: delivered again, and handed in again because no answer came', () => {
    const subjects = new Map([...observed.subjects, ['a.1', 3], ['b.2', 1], ['old', 2]] as [
      string,
      number,
    ][]);
    const played = measure({ ...observed, subjects, before: new Map([['old', 1]]) });
    expect(played).toMatchObject({ filedTwice: 3, handedInTwice: 1 });
  });

  it('takes no permanent refusal for good', () => {
    const played = measure({ ...observed, tries: [...tries, at('d.1', 'refused', 1_300)] });
    expect(isGood(played)).toBe(false);
  });

  it('is asked of failures that have names of their own', () => {
    const names = allFailures({ beyondLeaseMs: 1 }).map((one) => one.name);
    expect(new Set(names).size).toBe(names.length);
  });
});
