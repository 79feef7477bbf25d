/** What the answers of all lists mean together. */
import type { Finding, Grounds } from '@postroad/core';
import type { Listing } from './ask-list.js';

/** What to do. */
export interface Judged {
  readonly isRefused: boolean;
  readonly grounds?: Grounds;
  /** A list that could not be asked, and must be. */
  readonly failed?: Listing & { readonly status: 'failed' };
}

/** Refuses by a list that rejects alone, or by the sum. An allow list outweighs both. */
export function judge(found: readonly Listing[], rejectScore: number | undefined): Judged {
  const listed = found.filter((one) => one.status === 'listed');
  const failed = found.find((one) => one.status === 'failed' && one.list.onError === 'defer');
  const rest = failed?.status === 'failed' ? { failed } : {};
  if (listed.some(({ meaning }) => meaning.isAllowed)) return { isRefused: false };
  const alone = listed.find(({ meaning }) => meaning.isRejected);
  if (alone !== undefined) {
    return {
      isRefused: true,
      grounds: { rule: alone.list.zone, reason: `${alone.subject} is listed as ${alone.codes.join(', ')}` },
    };
  }
  const sum = listed.reduce((all, { meaning }) => all + meaning.score, 0);
  if (rejectScore !== undefined && listed.length > 0 && sum >= rejectScore) {
    const reason = listed.map(({ list, meaning }) => `${list.zone} ${meaning.score}`).join(', ');
    return { isRefused: true, grounds: { rule: `sum ${sum} of ${rejectScore}`, reason } };
  }
  return { isRefused: false, ...rest };
}

/** One list's answer as a finding; `undefined` when it has nothing to say. */
export function findingOf(listing: Listing): Finding | undefined {
  const { list } = listing;
  switch (listing.status) {
    case 'unlisted':
      return undefined;
    case 'failed':
      return {
        source: 'check-dnsbl',
        error: listing.reason,
        isSkipped: list.onError === 'skip',
        text: list.zone,
        details: { zone: list.zone },
      };
    case 'listed': {
      const { meaning, codes, subject } = listing;
      return {
        source: 'check-dnsbl',
        result: meaning.isAllowed ? 'allow' : 'listed',
        score: meaning.score,
        text: `${list.zone} lists ${subject} as ${codes.join(', ')}`,
        details: { zone: list.zone, subject, codes },
      };
    }
  }
}
