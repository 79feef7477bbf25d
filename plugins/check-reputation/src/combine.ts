/** From what is known of each identity to one number. */
import type { IdentityKind } from './identities.js';
import type { Reputation } from './memory.js';
import type { CheckReputationConfig } from './options.js';

/** An identity's kind and what is known of it. */
export interface Known extends Reputation {
  readonly kind: IdentityKind;
}

/**
 * The mean of the reputations by weight, from -1 to 1. What little is known of weighs little; but one identity alone must
 * be known well to count fully, or a single message would decide about all others.
 */
export function combine(known: readonly Known[], { weights, strength }: CheckReputationConfig): number {
  let [sum, weight] = [0, 0];
  for (const { kind, value, seen } of known) {
    sum += weights[kind] * value;
    weight += weights[kind] * (seen / (seen + strength));
  }
  return weight === 0 ? 0 : Math.max(-1, Math.min(1, sum / Math.max(1, weight)));
}

/** How bad a message is that others gave so many points: 1 from `spamAt` on, -1 at none or fewer. */
export function markOf(points: number, spamAt: number): number {
  return Math.max(-1, Math.min(1, (2 * points) / spamAt - 1));
}
