/** Signatures of ours on a message that has to change on its way out: whoever changes it asks for new ones. */
import { token } from '../di/token.js';

/** A queued message as it will be sent. */
export interface ChangedMessage {
  /** The fields that we put in front, with the signatures that do not hold any more. */
  readonly headerPrefix: string;
  /** Its own header section as it is now, with the empty line. */
  readonly header: Uint8Array;
  /** What comes behind the header section. Read once. */
  content(): AsyncIterable<Uint8Array>;
}

/** Provided by a plugin that signs. */
export interface Resigner {
  /**
   * The prefix with a new signature in the place of each of ours; `undefined` when there is one that is not ours, or that
   * can not be made any more: the message must not be changed then. Rejects with what `content` rejects with.
   */
  resign(message: ChangedMessage): Promise<string | undefined>;
}

/** The token of the resigner. */
export const Resigner = token<Resigner>('core.resigner');
