/** What those who work the queue tell the one who asks the store for more. */

/** What has changed, so that the fetcher knows when to look. */
export interface WorkHint {
  /** There may be recipients that are due. */
  readonly isMore?: boolean;
  /** A recipient will be due then. */
  readonly dueAtMs?: number;
}
