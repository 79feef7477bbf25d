/** Adding up findings. */
import type { Finding } from '@postroad/core';

/** One part of the sum. */
export interface Term {
  /** Such as `check-dnsbl/listed` or `spf/fail`. */
  readonly name: string;
  readonly points: number;
  readonly text?: string;
}

/** The whole sum. */
export interface Sum {
  readonly score: number;
  /** Those with points other than 0, the heaviest first. */
  readonly terms: readonly Term[];
  /** What failed, and must not be gone on without. */
  readonly failed: readonly { readonly source: string; readonly error: string }[];
}

/** How findings become a sum. */
export interface SumOptions {
  /** By `source/result`, or `source` alone. */
  readonly points: Readonly<Record<string, number>>;
  readonly skipErrorsOf: readonly string[];
}

/** Adds up. Points that are no finite number count as 0. */
export function addUp(findings: readonly Finding[], { points, skipErrorsOf }: SumOptions): Sum {
  const terms: Term[] = [];
  const failed: { source: string; error: string }[] = [];
  for (const finding of findings) {
    const { source, error, isSkipped } = finding;
    if (error !== undefined && isSkipped !== true && !skipErrorsOf.includes(source))
      failed.push({ source, error });
    terms.push(...termsOf(finding, points));
  }
  const counted = terms
    .filter((term) => Number.isFinite(term.points) && term.points !== 0)
    .sort((a, b) => Math.abs(b.points) - Math.abs(a.points));
  // Tenths and hundredths that are added up are not exact; a threshold of 5 is met by ten times a half.
  const score = Math.round(counted.reduce((sum, term) => sum + term.points, 0) * 1_000) / 1_000;
  return { score, terms: counted, failed };
}

function termsOf(
  { source, result, score, text, details }: Finding,
  points: SumOptions['points'],
): readonly Term[] {
  const name = result === undefined ? source : `${source}/${result}`;
  const own = points[name] ?? (score === undefined ? undefined : (points[source] ?? score));
  const told = text === undefined ? {} : { text };
  const terms: Term[] = own === undefined ? [] : [{ name, points: own, ...told }];
  const { results } = (details ?? {}) as { readonly results?: unknown };
  if (!Array.isArray(results)) return terms;
  // Several signatures are one method: what is best of them counts.
  const best = new Map<string, Term>();
  for (const one of results as readonly unknown[]) {
    const { method, result: word } = (one ?? {}) as { readonly method?: unknown; readonly result?: unknown };
    const value = points[`${String(method)}/${String(word)}`] ?? 0;
    const known = best.get(String(method));
    if (known === undefined || value < known.points)
      best.set(String(method), { name: `${String(method)}/${String(word)}`, points: value });
  }
  return [...terms, ...best.values()];
}

/** The terms in one line, such as `check-dnsbl/listed 3, dkim/pass -0.1`. */
export function termsText({ terms }: Sum, most = 30): string {
  const shown = terms.slice(0, most).map(({ name, points }) => `${name} ${points}`);
  const rest = terms.length - shown.length;
  return rest > 0 ? `${shown.join(', ')} and ${rest} more` : shown.join(', ');
}
