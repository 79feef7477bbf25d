/** How likely a message is spam, by what its tokens were seen in (naive Bayes). */

/** How often something was seen in each kind. */
export interface Counts {
  readonly spam: number;
  readonly ham: number;
}

/** What statistics say of a message. */
export interface Judgement {
  /** From 0 (certainly not) to 1 (certainly spam). */
  readonly probability: number;
  /** Tokens that it rests on. */
  readonly tokens: number;
}

/** How many sightings knowing nothing weighs. */
const strength = 2;
/** Tokens of one text are no independent witnesses, least of all pairs of the same words: each counts for so much. */
const tempering = 0.3;
const tokensUsedMax = 1_000;

/** Judges by the counts of a message's tokens; `learnt` are the messages of each kind. */
export function classify(counts: readonly Counts[], learnt: Counts): Judgement {
  const odds: number[] = [];
  for (const { spam, ham } of counts) {
    const seen = spam + ham;
    if (seen === 0) continue;
    // By rates, so that it does not matter of which kind more was learnt.
    const spamRate = Math.min(1, spam / Math.max(1, learnt.spam));
    const hamRate = Math.min(1, ham / Math.max(1, learnt.ham));
    const clue = (strength * 0.5 + seen * (spamRate / (spamRate + hamRate))) / (strength + seen);
    odds.push(Math.log(clue / (1 - clue)));
  }
  odds.sort((a, b) => Math.abs(b) - Math.abs(a));
  const used = odds.slice(0, tokensUsedMax);
  const sum = used.reduce((all, one) => all + one, 0);
  return { probability: 1 / (1 + Math.exp(-tempering * sum)), tokens: used.length };
}
