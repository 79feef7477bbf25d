/** Rules as functions. */
import type { MaybePromise, Message } from '@postroad/core';
import type { ContentFacts } from './facts.js';

/** What is done with a message that a rule applies to: a verdict, points, or nothing. */
export type RuleAction = 'reject' | 'defer' | 'quarantine' | 'off' | number;

/** That a rule applies. */
export interface RuleHit {
  readonly action: RuleAction;
  /** What it found, for the log. */
  readonly reason: string;
  /** What the sender hears when it refuses; a general text by default. */
  readonly text?: string;
}

/** A rule: it looks at the facts of one message, and may not change anything. */
export interface ContentRule {
  /** In camel case; stands in findings and logs. */
  readonly name: string;
  /** With its thresholds, for `explain`. */
  readonly description?: string;
  check(facts: ContentFacts, message: Message): MaybePromise<RuleHit | readonly RuleHit[] | undefined>;
}
