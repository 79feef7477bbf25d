/** Choosing a policy for one delivery: pure. */
import { createHash } from 'node:crypto';
import type { EgressPolicy } from '@postroad/core';
import type { EgressRule, SourceOptions } from './options.js';

/** What the choice is made from. */
export interface EgressQuestion {
  /** The recipients' domain. */
  readonly to: string;
  /** The sender's domain; `undefined` for the null reverse-path. */
  readonly from: string | undefined;
  /** The same key gives the same source: a message that is tried again should come from where it came before. */
  readonly key: string;
}

/** The policy; `undefined` when no rule says anything. */
export function chooseEgress(
  rules: readonly EgressRule[],
  question: EgressQuestion,
): EgressPolicy | undefined {
  const fitting = rules.filter((rule) => isFitting(rule, question));
  const sources = fitting.find((rule) => rule.sources !== undefined)?.sources;
  const tls = fitting.find((rule) => rule.tls !== undefined)?.tls;
  const connectionsMax = fitting.find((rule) => rule.connectionsMax !== undefined)?.connectionsMax;
  if (sources === undefined && tls === undefined && connectionsMax === undefined) return undefined;
  const source = sources === undefined ? undefined : chooseSource(sources, question.key);
  return {
    ...(source !== undefined && { sourceAddress: source.address }),
    ...(source?.helloName !== undefined && { helloName: source.helloName }),
    ...(tls !== undefined && { tls }),
    ...(connectionsMax !== undefined && { connectionsMax }),
  };
}

function isFitting(rule: EgressRule, question: EgressQuestion): boolean {
  if (rule.to !== undefined && !isNamed(rule.to, question.to)) return false;
  return rule.from === undefined || (question.from !== undefined && isNamed(rule.from, question.from));
}

function isNamed(patterns: readonly string[], domain: string): boolean {
  return patterns.some((pattern) =>
    pattern.startsWith('*.') ? domain.endsWith(pattern.slice(1)) : domain === pattern,
  );
}

/** By weight, and always the same for the same key. */
function chooseSource(sources: readonly SourceOptions[], key: string): SourceOptions | undefined {
  const weightOf = ({ weight = 1 }: SourceOptions) => weight;
  const total = sources.reduce((sum, source) => sum + weightOf(source), 0);
  const lot = createHash('sha256').update(key).digest().readUInt32BE() / 2 ** 32;
  let left = lot * total;
  for (const source of sources) {
    left -= weightOf(source);
    if (left < 0) return source;
  }
  return sources.at(-1);
}
