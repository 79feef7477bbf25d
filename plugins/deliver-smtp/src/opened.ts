/** What comes of opening a session. */
import type { Reply } from '@postroad/core';
import type { Candidate } from './candidates.js';
import type { SmtpConnection } from './client/smtp-connection.js';

/** Why recipients could not be sent to a host. */
export interface Trouble {
  readonly status: 'deferred' | 'failed';
  readonly reply: Reply;
  readonly remote?: { readonly name: string; readonly address: string } | undefined;
  /** What went wrong with TLS (RFC 8460). */
  readonly tlsFailure?: string | undefined;
}

/** A session, or trouble; `candidate` is the one that answered. */
export type Opened =
  | { readonly connection: SmtpConnection; readonly candidate: Candidate }
  | { readonly trouble: Trouble; readonly candidate: Candidate | undefined };
