/** Subscriptions whose mailbox is gone (RFC 9051 section 6.3.7): what every store does with them in the same way. */

/** Most of one account; the oldest are forgotten. */
export const lostSubscriptionsMax = 1_000;

/** The names once a subscribed mailbox is removed, the latest last. */
export function withLostSubscription(names: readonly string[], name: string): readonly string[] {
  return [...names.filter((other) => other !== name), name].slice(-lostSubscriptionsMax);
}

/** The names without one; the same list when it was not among them. */
export function withoutLostSubscription(names: readonly string[], name: string): readonly string[] {
  return names.includes(name) ? names.filter((other) => other !== name) : names;
}
