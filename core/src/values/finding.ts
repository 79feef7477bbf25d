/** What an inspector found out about a message. Policy hooks decide what it means. */

/** One inspector's result. */
export interface Finding {
  /** The plugin or method that says it, such as `spf` or `check-dnsbl`. */
  readonly source: string;
  /** A method's result word (RFC 8601 section 2.7), such as `pass` or `fail`. */
  readonly result?: string;
  /** Spam points; negative is good. */
  readonly score?: number;
  readonly text?: string;
  /** Anything structured; serialisable. */
  readonly details?: unknown;
  /** Set when the inspector failed or ran out of time; policy decides. */
  readonly error?: string;
  /** The inspector's options say that mail goes on without what failed: policy need not defer for it. */
  readonly isSkipped?: boolean;
}

/**
 * The result of a method such as `spf` among the findings: of the finding that it is the source of, or of the list
 * `details.results` of one that speaks of several, as `[{ method: 'spf', result: 'pass' }]`.
 */
export function methodResult(findings: readonly Finding[], method: string): string | undefined {
  for (const { source, result, details } of findings) {
    if (source === method && result !== undefined) return result;
    const { results } = (details ?? {}) as { readonly results?: unknown };
    if (!Array.isArray(results)) continue;
    const found: unknown = results.find(
      (one: unknown) => (one as { method?: unknown } | null)?.method === method,
    );
    const word = (found as { result?: unknown } | undefined)?.result;
    if (typeof word === 'string') return word;
  }
  return undefined;
}
