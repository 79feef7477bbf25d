/** How long to wait for what (RFC 5321 section 4.5.3.2). */
export interface Timeouts {
  /** For a TCP connection to one address. */
  readonly connectMs: number;
  readonly greetingMs: number;
  readonly helloMs: number;
  /** For STARTTLS and the handshake. */
  readonly tlsMs: number;
  readonly loginMs: number;
  readonly mailMs: number;
  readonly recipientMs: number;
  readonly dataMs: number;
  /** For the peer to take the next part of the message. */
  readonly blockMs: number;
  /** For the reply to the final dot. */
  readonly finalMs: number;
}

const minute = 60_000;

/** The RFC's own values, and shorter ones where it has none. */
export const defaultTimeouts: Timeouts = {
  connectMs: 30_000,
  greetingMs: 5 * minute,
  helloMs: 5 * minute,
  tlsMs: minute,
  loginMs: 2 * minute,
  mailMs: 5 * minute,
  recipientMs: 5 * minute,
  dataMs: 2 * minute,
  blockMs: 3 * minute,
  finalMs: 10 * minute,
};
