/** What a server takes in one transaction and over one connection, as it says itself (RFC 9422). Pure. */
import type { QueuedRecipient } from '@postroad/core';

/** `Infinity` where nothing is told. */
export interface ServerLimits {
  /** Transactions of one connection. */
  readonly mailMax: number;
  /** Recipients of one transaction. */
  readonly recipientsMax: number;
  /** Domains of the recipients of one transaction. */
  readonly domainsMax: number;
}

/** Reads the words behind LIMITS; what is not known, or no number of at most six digits, is passed over (section 3). */
export function parseLimits(words: readonly string[]): ServerLimits {
  const told = new Map<string, number>();
  for (const word of words) {
    const [, name = '', value = ''] = /^([A-Za-z0-9-]+)=([1-9][0-9]{0,5})$/.exec(word) ?? [];
    if (name !== '') told.set(name.toUpperCase(), Number(value));
  }
  const limit = (name: string) => told.get(name) ?? Number.POSITIVE_INFINITY;
  return {
    mailMax: limit('MAILMAX'),
    recipientsMax: limit('RCPTMAX'),
    domainsMax: limit('RCPTDOMAINMAX'),
  };
}

/** Those that fit into one transaction, in their order: at least one where there is any. */
export function fitting(
  recipients: readonly QueuedRecipient[],
  { recipientsMax, domainsMax }: ServerLimits,
): readonly QueuedRecipient[] {
  if (domainsMax === Number.POSITIVE_INFINITY)
    return recipients.length > recipientsMax ? recipients.slice(0, recipientsMax) : recipients;
  const domains = new Set<string>();
  return recipients
    .filter(({ address }) => {
      const domain = address.domain.toLowerCase();
      if (domains.size < domainsMax) domains.add(domain);
      return domains.has(domain);
    })
    .slice(0, recipientsMax);
}
