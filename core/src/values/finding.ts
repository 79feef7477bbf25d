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
}
