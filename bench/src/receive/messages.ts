/** What the processes of the receive bench say to each other. */

/** How the load generator speaks. `once`: one message per connection; `idle`: says hello and waits for the next order. */
export type LoadMode = 'plain' | 'pipelined' | 'once' | 'idle';

/** What the load generator shall do. */
export interface LoadOrder {
  readonly port: number;
  readonly mode: LoadMode;
  readonly connections: number;
  readonly messages: number;
  /** Octets of a message, and whether every line of it begins with a dot. */
  readonly octets: number;
  readonly isDotted: boolean;
}

/** What it did. */
export interface LoadResult {
  readonly seconds: number;
  readonly messages: number;
  readonly failures: number;
}

/** What a server says once it listens, and when it is asked. */
export type ServerMessage =
  | { readonly kind: 'ready'; readonly port: number }
  | { readonly kind: 'use'; readonly cpuSeconds: number; readonly residentBytes: number };
