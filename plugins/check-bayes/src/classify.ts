/** How likely a message is spam, by what its tokens were seen in (naive Bayes). */

/** In how many messages of each kind each token was seen; both in the order of the tokens. */
export interface Counts {
  readonly spam: Uint32Array;
  readonly ham: Uint32Array;
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

/** Judges by the counts of a message's tokens; `learnt` are the messages of each kind. */
export function classify(
  { spam, ham }: Counts,
  learnt: { readonly spam: number; readonly ham: number },
): Judgement {
  // By rates, so that it does not matter of which kind more was learnt.
  const perSpam = 1 / Math.max(1, learnt.spam);
  const perHam = 1 / Math.max(1, learnt.ham);
  let sum = 0;
  let tokens = 0;
  for (let at = 0; at < spam.length; at++) {
    const seen = (spam[at] as number) + (ham[at] as number);
    if (seen === 0) continue;
    const spamRate = Math.min(1, (spam[at] as number) * perSpam);
    const hamRate = Math.min(1, (ham[at] as number) * perHam);
    const clue = (strength * 0.5 + seen * (spamRate / (spamRate + hamRate))) / (strength + seen);
    sum += Math.log(clue / (1 - clue));
    tokens++;
  }
  return { probability: 1 / (1 + Math.exp(-tempering * sum)), tokens };
}
