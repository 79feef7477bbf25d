/** What the relay benchmark measures: a server that takes mail on a port and sends it to the sink. */

/** What a server is told. */
export interface RelayServerOptions {
  readonly sinkPort: number;
  readonly engine: 'lmdb' | 'memory';
  /** Directory for the queue; one below it is made and removed. */
  readonly directory: string;
}

/** A running server. */
export interface Relay {
  readonly name: string;
  readonly port: number;
  /** What it has used since its start. */
  use(): Promise<{ readonly cpuMs: number; readonly rssMb: number }>;
  stop(): Promise<void>;
}
