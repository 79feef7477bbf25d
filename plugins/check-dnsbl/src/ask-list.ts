/** Asking one list about one thing. */
import { type Clock, MailError, messageOf, type Resolver } from '@postroad/core';
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

/** Asks; never rejects. */
export async function askList(
  parts: AskParts,
  { list, read }: ReadyList,
  subject: string,
  query: string | undefined,
  signal: AbortSignal,
): Promise<Listing> {
  if (query === undefined) return { status: 'unlisted', list };
  try {
    const codes = await askInTime(parts, query, list.timeoutMs, signal);
    const meaning = read(codes);
    if (meaning === 'unlisted') return { status: 'unlisted', list };
    if (meaning === 'broken') {
      return {
        status: 'failed',
        list,
        reason: `answers ${codes.slice(0, 5).join(', ')}, which no list does`,
      };
    }
    return { status: 'listed', list, meaning, codes, subject };
  } catch (error) {
    return { status: 'failed', list, reason: messageOf(error) };
  }
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
