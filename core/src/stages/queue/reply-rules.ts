/** What the words of a server mean for the next deliveries, by the rules of the options. Pure. */
import type { ReplyRule } from '../../mta-options.js';
import { patternOf } from '../../values/pattern.js';
import { formatReply } from '../../values/reply.js';
import type { DeliveryReport, RecipientOutcome } from '../../values/report.js';

/** See the file's comment. */
export interface ReplyRules {
  /** The first rule that fits what a recipient was answered at a site; none for what was delivered. */
  find(outcome: RecipientOutcome, site: string): ReplyRule | undefined;
  /** The rules that the answers of a try fit, each once. */
  ofReport(report: DeliveryReport, site: string): readonly ReplyRule[];
}

/** Compiles the rules. */
export function createReplyRules(rules: readonly ReplyRule[]): ReplyRules {
  const compiled = rules.map((rule) => ({
    rule,
    words: patternOf(rule.match),
    site: rule.site === undefined ? undefined : patternOf(rule.site),
  }));
  const find = (outcome: RecipientOutcome, site: string): ReplyRule | undefined => {
    if (compiled.length === 0 || outcome.status === 'delivered') return undefined;
    const said = formatReply(outcome.reply);
    return compiled.find((one) => one.words.test(said) && one.site?.test(site) !== false)?.rule;
  };
  return {
    find,
    ofReport(report, site) {
      if (compiled.length === 0) return [];
      const found = report.outcomes.map((outcome) => find(outcome, site));
      return [...new Set(found)].filter((rule): rule is ReplyRule => rule !== undefined);
    },
  };
}
