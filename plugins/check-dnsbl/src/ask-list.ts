/** Asking one list about one thing. */
import {
  type BoundedCache,
  type Clock,
  MailError,
  type MaybePromise,
  messageOf,
  type Resolver,
} from '@postroad/core';
import type { DnsList } from './options.js';
import type { CodeReader, Meaning } from './return-codes.js';

/** What came of a question. */
export type Listing =
  | { readonly status: 'unlisted'; readonly list: DnsList }
  | {
      readonly status: 'listed';
      readonly list: DnsList;
      readonly meaning: Meaning;
      readonly codes: readonly string[];
      /** What was asked about, such as an address. */
      readonly subject: string;
    }
  | { readonly status: 'failed'; readonly list: DnsList; readonly reason: string };

/** A list with the reader of its codes. */
export interface ReadyList {
  readonly list: DnsList;
  readonly read: CodeReader;
}

interface AskParts {
  readonly resolver: Resolver;
  readonly clock: Clock;
}

/** Answers that are remembered for a moment, by what was asked. */
export type RecentAnswers = BoundedCache<string, readonly string[]>;

/** Asks, or answers at once what was asked a moment ago; never rejects. */
export function askList(
  parts: AskParts & { readonly recent: RecentAnswers; readonly cacheMs: number },
  ready: ReadyList,
  subject: string,
  query: string | undefined,
  signal: AbortSignal,
): MaybePromise<Listing> {
  if (query === undefined) return { status: 'unlisted', list: ready.list };
  const known = parts.recent.get(query);
  if (known !== undefined) return listingOf(ready, subject, known);
  return askInTime(parts, query, ready.list.timeoutMs, signal).then(
    (codes) => {
      if (parts.cacheMs > 0) parts.recent.set(query, codes, parts.cacheMs);
      return listingOf(ready, subject, codes);
    },
    (error: unknown) => ({ status: 'failed', list: ready.list, reason: messageOf(error) }),
  );
}

function listingOf({ list, read }: ReadyList, subject: string, codes: readonly string[]): Listing {
  const meaning = read(codes);
  if (meaning === 'unlisted') return { status: 'unlisted', list };
  if (meaning === 'broken') {
    const reason = `answers ${codes.slice(0, 5).join(', ')}, which no list does`;
    return { status: 'failed', list, reason };
  }
  return { status: 'listed', list, meaning, codes, subject };
}

/** IPv4 answers, or none; rejects when they take too long or can't be had. */
export async function askInTime(
  { resolver, clock }: AskParts,
  query: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const ending = new AbortController();
  const abort = () => ending.abort(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  const timer = clock.after(timeoutMs, () =>
    ending.abort(new MailError('E_DNS', `no answer within ${timeoutMs} ms`)),
  );
  try {
    if (signal.aborted) abort();
    const answers = await Promise.race([resolver.addresses(query, ending.signal, 4), aborted(ending.signal)]);
    return answers.filter((answer) => answer.includes('.'));
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', abort);
    // Ends what still listens.
    ending.abort();
  }
}

/** For a resolver that does not listen to its signal. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    if (signal.aborted) reject(signal.reason);
  });
}
