/** What is given to a bucket. */

/** What is written. */
export interface S3Content {
  readonly sizeBytes: number;
  open(): AsyncIterable<Uint8Array>;
}
