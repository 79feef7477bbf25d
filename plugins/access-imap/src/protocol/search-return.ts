/** What a client asks to be told of what a search finds. */

/** A window of results (RFC 9394); negative numbers count from the end. */
export interface PartialRange {
  readonly first: number;
  readonly last: number;
}

/** What can be asked for in RETURN; CONTEXT and UPDATE are of RFC 5267, RELEVANCY of RFC 6203. */
export type ReturnOption = 'MIN' | 'MAX' | 'ALL' | 'COUNT' | 'SAVE' | 'CONTEXT' | 'UPDATE' | 'RELEVANCY';

/** What the results shall look like (RFC 4731, RFC 5182, RFC 9394). */
export interface SearchReturn {
  readonly options: ReadonlySet<ReturnOption>;
  readonly partial?: PartialRange;
}
