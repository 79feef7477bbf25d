/** What the processes of the receive bench say to each other. */

/** How the load generator speaks. `once`: one message per connection; `idle`: says hello and waits for the next order. */
export type LoadMode = 'plain' | 'pipelined' | 'once' | 'idle';

/** What the load generator shall do. */
export interface LoadOrder {
  readonly port: number;
  readonly mode: LoadMode;
  readonly connections: number;
  /** No message is begun after this time; those under way are finished. */
  readonly durationMs: number;
  /** Octets of a message, and whether every line of it begins with a dot. */
  readonly octets: number;
  readonly isDotted: boolean;
  /** Bodies to send in turn, with CRLF at their end and no line that begins with a dot; in place of lines all alike. */
  readonly texts?: readonly string[];
  /** Pipelined, the next envelope leaves only when the message before it has been answered. */
  readonly waitsBehindData?: boolean;
  /** A connection is opened when the one before it has been greeted. */
  readonly opensInTurn?: boolean;
}

/** What it did. */
export interface LoadResult {
  readonly seconds: number;
  readonly messages: number;
  readonly failures: number;
  /** What the load generator has used itself: near to `seconds` it is the bound, not the server. */
  readonly cpuSeconds: number;
  /** From the first octet of a message's first command to the last of its last reply. */
  readonly latencyMs: { readonly median: number; readonly p99: number };
}

/** What a server says once it listens, and when it is asked. */
export type ServerMessage =
  | { readonly kind: 'ready'; readonly port: number }
  | { readonly kind: 'use'; readonly cpuSeconds: number; readonly residentBytes: number };
