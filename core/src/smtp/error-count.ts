/** Counts the refusals of one session; the replies to one command count once. */
export class ErrorCount {
  /** A refusal was said and is not counted yet. */
  isPending = false;
  #count = 0;

  /** Counts what is pending; whether that makes too many. */
  reaches(most: number): boolean {
    if (!this.isPending) return false;
    this.isPending = false;
    this.#count++;
    return this.#count >= most;
  }
}
