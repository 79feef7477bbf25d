/** A message that has been received whole, on its way to the queue. */
import type { Body } from '../body/body.js';
import type { Envelope } from '../values/envelope.js';
import { State } from './key.js';
import type { Transaction } from './transaction.js';

/** A message as plugins see it. Its id is the id in the queue and in every log line. */
export interface Message {
  readonly id: string;
  readonly transaction: Transaction;
  readonly envelope: Envelope;
  readonly body: Body;
  readonly receivedAtMs: number;
  get: State['get'];
  set: State['set'];
}

/** The writable side, for the receive stage. */
export class MessageState extends State implements Message {
  readonly id: string;
  readonly transaction: Transaction;
  envelope: Envelope;
  readonly body: Body;
  readonly receivedAtMs: number;

  constructor(facts: Pick<Message, 'id' | 'transaction' | 'envelope' | 'body' | 'receivedAtMs'>) {
    super();
    this.id = facts.id;
    this.transaction = facts.transaction;
    this.envelope = facts.envelope;
    this.body = facts.body;
    this.receivedAtMs = facts.receivedAtMs;
  }
}
