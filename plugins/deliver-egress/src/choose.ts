/** Choosing a policy for one delivery: pure but for the counts of the sources. */
import { createHash } from 'node:crypto';
import type { EgressPolicy } from '@postroad/core';
import type { EgressRule, RateOptions, SourceOptions } from './options.js';
import type { SourceLimits } from './source-limits.js';

/** What the choice is made from. */
export interface EgressQuestion {
  /** The recipients' domain. */
  readonly to: string;
  /** The sender's domain; `undefined` for the null reverse-path. */
  readonly from: string | undefined;
  /** The same key gives the same source: a message that is tried again should come from where it came before. */
  readonly key: string;
  readonly nowMs: number;
}

/** The policy; `undefined` when no rule says anything. */
export function chooseEgress(
  rules: readonly EgressRule[],
  question: EgressQuestion,
  limits: SourceLimits,
): EgressPolicy | undefined {
  const fitting = rules.filter((rule) => isFitting(rule, question));
  const of = <K extends keyof EgressRule>(key: K) => fitting.find((rule) => rule[key] !== undefined)?.[key];
  const [sources, tls, connectionsMax] = [of('sources'), of('tls'), of('connectionsMax')];
  const [connectionRate, messagesPerConnection] = [of('connectionRate'), of('messagesPerConnection')];
  const policy = {
    ...(tls !== undefined && { tls }),
    ...(connectionsMax !== undefined && { connectionsMax }),
    ...(connectionRate !== undefined && { connectionRate: withoutUndefined(connectionRate) }),
    ...(messagesPerConnection !== undefined && { messagesPerConnection }),
  };
  if (sources === undefined) return Object.keys(policy).length === 0 ? undefined : policy;
  const source = chooseSource(sources, question, limits);
  if (typeof source === 'number') return { postponedUntilMs: source };
  return {
    ...policy,
    sourceAddress: source.address,
    ...(source.helloName !== undefined && { helloName: source.helloName }),
  };
}

function withoutUndefined({ count, perMs, burst }: RateOptions) {
  return { count, perMs, ...(burst !== undefined && { burst }) };
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

/**
 * By weight, and the same for the same key while its limits allow it; otherwise another one that may send, by weight
 * again. A moment when none may.
 */
function chooseSource(
  sources: readonly SourceOptions[],
  { key, nowMs }: EgressQuestion,
  limits: SourceLimits,
): SourceOptions | number {
  let left = sources;
  let soonestMs = Number.POSITIVE_INFINITY;
  while (left.length > 0) {
    const source = byWeight(left, key);
    const atMs = limits.allowedAtMs(source, nowMs);
    if (atMs <= nowMs) {
      limits.take(source, nowMs);
      return source;
    }
    soonestMs = Math.min(soonestMs, atMs);
    left = left.filter((one) => one !== source);
  }
  return Math.ceil(soonestMs);
}

function byWeight(sources: readonly SourceOptions[], key: string): SourceOptions {
  const weightOf = ({ weight = 1 }: SourceOptions) => weight;
  const total = sources.reduce((sum, source) => sum + weightOf(source), 0);
  const lot = createHash('sha256').update(key).digest().readUInt32BE() / 2 ** 32;
  let left = lot * total;
  for (const source of sources) {
    left -= weightOf(source);
    if (left < 0) return source;
  }
  return sources.at(-1) as SourceOptions;
}
