/** One mail transaction (RFC 5321 section 3.3): from MAIL to the reply after the data, or to RSET. */
import type { ReversePath } from '../values/address.js';
import type { Envelope, EnvelopeParameters, EnvelopeRecipient } from '../values/envelope.js';
import type { Connection } from './connection.js';
import { State } from './key.js';

/** A transaction as plugins see it. */
export interface Transaction {
  readonly id: string;
  readonly connection: Connection;
  readonly reversePath: ReversePath;
  readonly parameters: EnvelopeParameters;
  /** The recipients accepted so far, in order. */
  readonly recipients: readonly EnvelopeRecipient[];
  get: State['get'];
  set: State['set'];
}

/** The writable side, for receivers. */
export class TransactionState extends State implements Transaction {
  readonly id: string;
  readonly connection: Connection;
  readonly reversePath: ReversePath;
  readonly parameters: EnvelopeParameters;
  readonly recipients: EnvelopeRecipient[] = [];
  /** Why the message is to be marked, once a verdict said quarantine. */
  quarantine: string | undefined;
  #dropped: Set<EnvelopeRecipient> | undefined;

  constructor(id: string, connection: Connection, reversePath: ReversePath, parameters: EnvelopeParameters) {
    super();
    this.id = id;
    this.connection = connection;
    this.reversePath = reversePath;
    this.parameters = parameters;
  }

  /** Keeps a recipient in the dialogue, and drops it from the envelope (verdict `discard`). */
  drop(recipient: EnvelopeRecipient): void {
    this.#dropped ??= new Set();
    this.#dropped.add(recipient);
  }

  /** The envelope with the recipients accepted until now. */
  envelope(): Envelope {
    const dropped = this.#dropped;
    const recipients =
      dropped === undefined
        ? [...this.recipients]
        : this.recipients.filter((recipient) => !dropped.has(recipient));
    return { reversePath: this.reversePath, recipients, parameters: this.parameters };
  }
}
