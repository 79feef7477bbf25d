/** Handing messages in from plugins: reports, notices, answers. */
import { token } from '../di/token.js';
import type { MailAddress, ReversePath } from '../values/address.js';
import type { EnvelopeParameters, EnvelopeRecipient } from '../values/envelope.js';

/** An envelope with addresses as values or as text. */
export interface SubmitEnvelope {
  /** `null` or `''` is the null reverse-path. */
  readonly reversePath: ReversePath | string;
  readonly recipients: readonly (MailAddress | string | EnvelopeRecipient)[];
  readonly parameters?: Partial<EnvelopeParameters>;
}

/** A message's content: text, octets or a stream of them. Bare line feeds become CRLF. */
export type SubmitContent = string | Uint8Array | AsyncIterable<Uint8Array | string>;

/** See the file's comment. */
export interface Submission {
  /**
   * Queues a message as `mta.submit` does; resolves with its id once it is durable. Rejects with `E_REFUSED` when a hook
   * or rule refuses it, with `E_STATE` before the server runs.
   */
  submit(envelope: SubmitEnvelope, content: SubmitContent): Promise<{ readonly id: string }>;
}

/** The token of submission; the core provides it. */
export const Submission = token<Submission>('core.submission');
