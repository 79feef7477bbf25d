/** How a command ended (RFC 9051 section 7.1), and how errors of the services become that. */
import { isMailError } from '@postroad/core';

/** The tagged response of a command. `code` is a response code without its brackets. */
export interface Outcome {
  readonly status: 'OK' | 'NO' | 'BAD';
  readonly code?: string;
  readonly text: string;
}

/** `OK`. */
export function ok(text: string, code?: string): Outcome {
  return code === undefined ? { status: 'OK', text } : { status: 'OK', code, text };
}

/** `NO`. */
export function no(text: string, code?: string): Outcome {
  return code === undefined ? { status: 'NO', text } : { status: 'NO', code, text };
}

/** `BAD`. */
export function bad(text: string, code?: string): Outcome {
  return code === undefined ? { status: 'BAD', text } : { status: 'BAD', code, text };
}

/** The line of a tagged response. */
export function formatOutcome(tag: string, outcome: Outcome): string {
  const code = outcome.code === undefined ? '' : `[${outcome.code}] `;
  return `${tag} ${outcome.status} ${code}${outcome.text}\r\n`;
}

/** The outcome of an error that the world caused (RFC 5530); `undefined` when it is a bug or a broken engine. */
export function outcomeOfError(error: unknown): Outcome | undefined {
  if (!isMailError(error)) return undefined;
  switch (error.code) {
    case 'E_NOT_FOUND':
      return no('there is no such mailbox', 'NONEXISTENT');
    case 'E_MAILBOX_EXISTS':
      return no('the mailbox exists already', 'ALREADYEXISTS');
    case 'E_MAILBOX_NAME':
      return no('the mailbox name is not possible', 'CANNOT');
    case 'E_QUOTA':
      return no('the quota is exceeded', 'OVERQUOTA');
    case 'E_BODY_TOO_LARGE':
      return no('the message is too large', 'TOOBIG');
    default:
      return undefined;
  }
}
