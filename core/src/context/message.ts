/** A message that has been received whole, on its way to the queue. */
import type { Body } from '../body/body.js';
import type { ReversePath } from '../values/address.js';
import type { Envelope } from '../values/envelope.js';
import { State } from './key.js';
import type { Transaction } from './transaction.js';

/** A message as plugins see it. Its id is the id in the queue and in every log line. */
export interface Message {
  readonly id: string;
  readonly transaction: Transaction;
  readonly envelope: Envelope;
  /** What was received; from the `header` hook on, what the `content` hook made of it. */
  readonly body: Body;
  readonly receivedAtMs: number;
  /**
   * Hands over a body that the caller owns, such as one that a `content` tap is about to return: it is released when the
   * message is in the queue, or refused.
   */
  adopt(body: Body): void;
  /** Another reverse-path for the message from here on: where its bounces go, and what the next hop hears in MAIL. */
  returnTo(reversePath: ReversePath): void;
  get: State['get'];
  set: State['set'];
}

/** The writable side, for the receive stage. It owns the body that it is made of. */
export class MessageState extends State implements Message {
  readonly id: string;
  readonly transaction: Transaction;
  envelope: Envelope;
  body: Body;
  readonly receivedAtMs: number;
  /** Every body that goes with the message, the received one first. */
  readonly #owned: Body[];

  constructor(facts: Pick<Message, 'id' | 'transaction' | 'envelope' | 'body' | 'receivedAtMs'>) {
    super();
    this.id = facts.id;
    this.transaction = facts.transaction;
    this.envelope = facts.envelope;
    this.body = facts.body;
    this.receivedAtMs = facts.receivedAtMs;
    this.#owned = [facts.body];
  }

  adopt(body: Body): void {
    this.#owned.push(body);
  }

  returnTo(reversePath: ReversePath): void {
    this.envelope = { ...this.envelope, reversePath };
  }

  /** Releases every body of the message. Never rejects. */
  async release(): Promise<void> {
    for (const body of this.#owned.splice(0)) await body.release();
  }
}
