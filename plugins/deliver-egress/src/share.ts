/** The part of one of several workers: limits are for the whole server, so each keeps to its part of them. Pure. */
import type { EgressRule, RateOptions } from './options.js';

/** A limit below the number of workers is one for each, so that none stands still. */
function partOf(count: number, workers: number): number {
  return Math.max(1, Math.ceil(count / workers));
}

/** As much more slowly, and as much less at once. */
export function shareOfRate({ count, perMs, burst = count }: RateOptions, workers: number): RateOptions {
  if (workers === 1) return { count, perMs, burst };
  return { count, perMs: perMs * workers, burst: partOf(burst, workers) };
}

/** The rule with its connections divided; what its sources may send is divided where it is counted. */
export function shareOfRule(rule: EgressRule, workers: number): EgressRule {
  const { connectionsMax, connectionRate } = rule;
  if (workers === 1) return rule;
  return {
    ...rule,
    ...(connectionsMax !== undefined && { connectionsMax: partOf(connectionsMax, workers) }),
    ...(connectionRate !== undefined && { connectionRate: shareOfRate(connectionRate, workers) }),
  };
}
